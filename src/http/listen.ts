// The HTTP server on a socket: listening, the errors of that, and an orderly end.
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Server } from "node:http";
import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import { RPC } from "../protocol/json-rpc.ts";
import { AppError } from "../lib/errors.ts";
import type { OpenConnections } from "./limits/connections.ts";

const SWEEP_MS = 20;

/** Milliseconds. Whoever sends slower than that, or takes nothing, holds a connection for nothing. */
const TIMEOUTS = {
  headersTimeout: 15_000,
  requestTimeout: 120_000,
  connectionsCheckingInterval: 5_000,
};
/** Milliseconds without a byte either way; streams send a comment more often than that. */
const IDLE_MS = 75_000;

/** The addresses that stand for all of a machine, and one of those that they stand for. */
const ANY: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

export interface Listener {
  /** The address that it listens on: of a name, what the system made of it. */
  readonly address: string;
  /** As this machine reaches it: `http://127.0.0.1:8484` */
  readonly origin: string;
  /** Takes no new connections; resolves when the open ones have ended. */
  close(): Promise<void>;
  /** Cuts the connections that are still open. */
  cut(): void;
}

export interface ListenOptions {
  host: string;
  port: number;
  /** File descriptor of a socket that listens already; it takes the place of `host` and `port`. */
  inherited: number | undefined;
  connections: OpenConnections;
  /** Of one request. */
  maxHeaderBytes: number;
}

/** @throws AppError `start` naming the address and what is wrong with it */
export async function listen(
  fetch: (request: Request, env: HttpBindings) => Response | Promise<Response>,
  { host, port, inherited, connections, maxHeaderBytes }: ListenOptions,
): Promise<Listener> {
  const server = createAdaptorServer({
    fetch: (request, env) => fetch(request, env as HttpBindings),
    serverOptions: { ...TIMEOUTS, maxHeaderSize: maxHeaderBytes },
  }) as Server;
  server.keepAliveTimeout = 65_000; // ms; longer than the idle time of common proxies
  server.timeout = IDLE_MS;
  server.on("connection", (socket) => connections.add(socket));
  server.on("clientError", (error, socket) => refuse(error, socket, maxHeaderBytes));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (error: NodeJS.ErrnoException) => reject(cannotListen(host, port, error)));
  server.listen(inherited === undefined ? { host, port } : { fd: inherited }, resolve);
  await promise;
  const bound = server.address() as AddressInfo | string;
  if (typeof bound === "string")
    throw new AppError("start", `${bound} is not an address of the network.`, {
      hint: "Give holdfast.socket a ListenStream= with a port.",
    });
  const given = inherited === undefined ? host : bound.address;
  const name = ANY[bound.address] ?? given;
  return {
    address: bound.address,
    origin: `http://${name.includes(":") ? `[${name}]` : name}:${bound.port}`,
    close: () =>
      new Promise((done) => {
        // A connection that is kept alive becomes idle when its last answer is out.
        const sweeping = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
        server.close(() => {
          clearInterval(sweeping);
          done();
        });
        server.closeIdleConnections();
      }),
    cut: () => server.closeAllConnections(),
  };
}

/** What could not be read as a request at all: an answer that says why, and the end of the connection. */
function refuse({ code }: NodeJS.ErrnoException, socket: Duplex, maxHeaderBytes: number): void {
  if (code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, message] =
    code === "HPE_HEADER_OVERFLOW"
      ? [
          "431 Request Header Fields Too Large",
          `The headers are larger than ${maxHeaderBytes} bytes (the setting max-headers).`,
        ]
      : code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? ["408 Request Timeout", "The request did not come in time."]
        : ["400 Bad Request", "This is not an HTTP request."];
  const body = JSON.stringify({ jsonrpc: "2.0", id: null, error: { code: RPC.server, message } });
  const length = Buffer.byteLength(body);
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`,
  );
}

/**
 * Sends the headers with what is already there of the body. A client whose connection breaks between the headers of a
 * stream and its first event has no id to come back with, and waits for ever.
 */
export function writeTogether(response: HttpBindings["outgoing"]): void {
  response.cork();
  setImmediate(() => response.uncork());
}

/** Tells, when the connection of an answer has ended, whether all of it had been handed to the system by then. */
export function whenWritten(
  response: HttpBindings["outgoing"],
  tell: (written: boolean) => void,
): void {
  if (response.closed) tell(false);
  else response.once("close", () => tell(response.writableFinished));
}

function cannotListen(host: string, port: number, error: NodeJS.ErrnoException): AppError {
  const reasons: Record<string, [string, string]> = {
    EADDRINUSE: ["is already in use", "Stop the other program or choose another port with --port."],
    EACCES: ["may not be used", "Choose a port above 1023 with --port."],
    EADDRNOTAVAIL: ["is not an address of this machine", "Choose another one with --host."],
    ENOTFOUND: ["is not a known host", "Choose another one with --host."],
  };
  const [reason, hint] = reasons[error.code ?? ""] ?? [`cannot be listened on (${error.code})`, ""];
  return new AppError("start", `${host}:${port} ${reason}.`, {
    ...(hint && { hint }),
    cause: error,
  });
}

/** The first descriptor behind the standard ones. */
const FIRST_DESCRIPTOR = 3;

/**
 * The descriptor of the listening socket that systemd opens and hands over (sd_listen_fds(3), deploy/holdfast.socket);
 * undefined without one. The socket stays open during a restart: connections wait meanwhile, and are not refused.
 * @throws AppError `start` when there are several
 */
export function inheritedSocket(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | undefined {
  const { LISTEN_PID, LISTEN_FDS } = env; // the variables are inherited further than the sockets
  if (LISTEN_PID !== String(pid) || LISTEN_FDS === undefined) return undefined;
  if (LISTEN_FDS === "1") return FIRST_DESCRIPTOR;
  throw new AppError("start", `${LISTEN_FDS} sockets were handed over; one is expected.`, {
    hint: "Give holdfast.socket one ListenStream=.",
  });
}

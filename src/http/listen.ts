// The HTTP server on a socket: listening, its errors, and an orderly end.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Server, ServerResponse } from "node:http";
import { type AddressInfo, Server as SocketServer } from "node:net";
import type { Duplex } from "node:stream";
import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import { AppError } from "../lib/errors.ts";
import { RPC } from "../protocol/json-rpc.ts";
import type { OpenConnections } from "./limits/connections.ts";

/** Node tells here of each answer that is sent. */
const FINISHED = "http.server.response.finish";

/** Milliseconds. Without these bounds, a client that sends or reads too slowly would hold its connection. */
const TIMEOUTS = {
  headersTimeout: 15_000,
  requestTimeout: 120_000,
  connectionsCheckingInterval: 5_000,
};
/** Milliseconds without a byte either way; streams send a comment more often than that. */
const IDLE_MS = 75_000;

/** The addresses that stand for all of a machine, with their loopback addresses. */
const ANY: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

export interface Listener {
  /** Address that the server listens on; a host name as the system resolved it. */
  readonly address: string;
  /** Origin for clients on this machine: `http://127.0.0.1:8484` */
  readonly origin: string;
  /** Accept no new connections. What comes on open ones is answered, and ends them. */
  leave(): void;
  /** Resolves when all connections have ended. */
  readonly ended: Promise<void>;
  /** Ends idle connections, and each other one behind its answer. Resolves as `ended`, after `leave`. */
  close(): Promise<void>;
  /** Close the remaining connections. */
  cut(): void;
}

export interface ListenOptions {
  host: string;
  port: number;
  /** File descriptor of a socket that already listens; it replaces `host` and `port`. */
  inherited: number | undefined;
  connections: OpenConnections;
  /** Bound on one request's headers. */
  maxHeaderBytes: number;
}

/** @throws AppError `start` with the address and the reason */
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
  server.once("error", reject);
  server.listen(inherited === undefined ? { host, port } : { fd: inherited }, resolve);
  try {
    await promise;
  } catch (error) {
    throw await cannotListen(host, port, error as NodeJS.ErrnoException);
  }
  const bound = server.address() as AddressInfo | string;
  if (typeof bound === "string")
    throw new AppError("start", `${bound} is not an address of the network.`, {
      hint: "Give holdfast.socket a ListenStream= with a port.",
    });
  const ended = Promise.withResolvers<void>();
  const given = inherited === undefined ? host : bound.address;
  const name = ANY[bound.address] ?? given;
  return {
    address: bound.address,
    origin: originOf(name, bound.port),
    ended: ended.promise,
    leave() {
      server.prependListener("request", (_, response: ServerResponse) => {
        response.shouldKeepAlive = false;
      });
      // That of HTTP servers closes idle connections, too: on these, a balancer may be sending a request.
      SocketServer.prototype.close.call(server, () => ended.resolve());
    },
    async close() {
      server.closeIdleConnections();
      // The others behind their answers, at once: some of these have promised more. Once for all that end in one turn, as each
      // look goes through all connections.
      let isLooking = false;
      const end = (message: unknown): void => {
        if ((message as { server: unknown }).server !== server || isLooking) return;
        isLooking = true;
        process.nextTick(() => {
          isLooking = false;
          server.closeIdleConnections();
        });
      };
      subscribe(FINISHED, end);
      await ended.promise;
      unsubscribe(FINISHED, end);
    },
    cut: () => server.closeAllConnections(),
  };
}

/** Answer a request that cannot be parsed with the reason, and close the connection. */
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
 * Send the headers together with the first bytes of the body. If the connection broke between the headers of a stream
 * and its first event, the client would have no id to resume with, and would wait forever.
 */
export function writeTogether(response: HttpBindings["outgoing"]): void {
  response.cork();
  setImmediate(() => response.uncork());
}

/** Call `tell` when the connection of an answer ends: true if the system has taken all of the answer. */
export function whenWritten(
  response: HttpBindings["outgoing"],
  tell: (written: boolean) => void,
): void {
  if (response.closed) tell(false);
  else response.once("close", () => tell(response.writableFinished));
}

/** Name of this program in answers about its health, by which another start of it knows it. */
export const SERVER = "Holdfast";
/** Longest wait for the answer of a server on the same port, in milliseconds. */
const ASK_MS = 1_000;

async function isHoldfast(host: string, port: number): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(ASK_MS);
    const answer = await fetch(`${originOf(host, port)}/healthz`, { signal, redirect: "manual" });
    await answer.body?.cancel();
    return answer.headers.get("server") === SERVER;
  } catch {
    return false;
  }
}

const originOf = (name: string, port: number): string =>
  `http://${name.includes(":") ? `[${name}]` : name}:${port}`;

async function cannotListen(
  host: string,
  port: number,
  error: NodeJS.ErrnoException,
): Promise<AppError> {
  if (error.code === "EADDRINUSE" && (await isHoldfast(ANY[host] ?? host, port)))
    return new AppError("start", `${host}:${port} is already in use: Holdfast runs there.`, {
      hint: "Use that server, stop it, or choose another port with --port.",
      cause: error,
    });
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

/** The first descriptor after the standard ones. */
const FIRST_DESCRIPTOR = 3;

/**
 * The descriptor of the listening socket that systemd opens and hands over (sd_listen_fds(3), deploy/holdfast.socket);
 * undefined without one. The socket stays open during a restart, so new connections wait instead of being refused.
 * @throws AppError `start` for several sockets
 */
export function inheritedSocket(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | undefined {
  const { LISTEN_PID, LISTEN_FDS } = env; // children inherit the variables, but not the sockets
  if (LISTEN_PID !== String(pid) || LISTEN_FDS === undefined) return undefined;
  if (LISTEN_FDS === "1") return FIRST_DESCRIPTOR;
  throw new AppError("start", `${LISTEN_FDS} sockets were handed over; one is expected.`, {
    hint: "Give holdfast.socket one ListenStream=.",
  });
}

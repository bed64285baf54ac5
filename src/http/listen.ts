// The HTTP server on a socket: listening, the errors of that, and an orderly end.
import type { AddressInfo } from "node:net";
import type { Server, ServerResponse } from "node:http";
import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import { AppError } from "../kernel/errors.ts";
import { streamOf } from "../streams/sse-stream.ts";

const SWEEP_MS = 20;

/** Milliseconds. Whoever sends slower than that holds a connection for nothing. */
const TIMEOUTS = {
  headersTimeout: 15_000,
  requestTimeout: 120_000,
  connectionsCheckingInterval: 5_000,
};

export interface Listener {
  /** `http://127.0.0.1:8484` */
  readonly origin: string;
  /** Takes no new connections; resolves when the open ones have ended. */
  close(): Promise<void>;
  /** Cuts the connections that are still open. */
  cut(): void;
}

/** @throws AppError `start` naming the address and what is wrong with it */
export async function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  { host, port, maxConnections }: { host: string; port: number; maxConnections: number },
): Promise<Listener> {
  const server = createAdaptorServer({
    fetch: async (request, env) => {
      const response = await fetch(request);
      if (streamOf(response)) writeTogether((env as HttpBindings).outgoing);
      return response;
    },
    serverOptions: TIMEOUTS,
  }) as Server;
  server.keepAliveTimeout = 65_000; // ms; longer than the idle time of common proxies
  server.maxConnections = maxConnections;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (error: NodeJS.ErrnoException) => reject(cannotListen(host, port, error)));
  server.listen(port, host, resolve);
  await promise;
  const address = server.address() as AddressInfo;
  return {
    origin: `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`,
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

/**
 * Sends the headers with what is already there of the body. A client whose connection breaks between the headers of a
 * stream and its first event has no id to come back with, and waits for ever.
 */
function writeTogether(response: ServerResponse): void {
  response.cork();
  setImmediate(() => response.uncork());
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

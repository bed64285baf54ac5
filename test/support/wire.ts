// HTTP as bytes on a socket: for requests that no HTTP client would send.
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";

export interface Wire {
  socket: Socket;
  /** Sends bytes, as far as the other side still takes them. */
  send(bytes: string | Uint8Array): void;
  /** The text received so far. */
  received(): string;
  /** Resolves to all that came, when the other side has closed the connection. */
  closed: Promise<string>;
}

/** Connects to a server's host and port; the connection is cut at the test's end. */
export function wire(url: string): Wire {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, noDelay: true });
  let received = "";
  const { promise: closed, resolve } = Promise.withResolvers<string>();
  socket.setEncoding("latin1");
  socket.on("data", (text: string) => (received += text));
  socket.on("error", () => undefined); // a connection that is reset is closed too
  socket.on("close", () => resolve(received));
  onTestFinished(() => void socket.destroy());
  return { socket, send: (bytes) => void socket.write(bytes), received: () => received, closed };
}

/** The status of the first answer in some bytes; undefined while there is none. */
export const statusOf = (received: string): number | undefined => {
  const status = /^HTTP\/1\.1 (\d{3})/.exec(received)?.[1];
  return status === undefined ? undefined : Number(status);
};

/** A request's head: the lines of a good client's, and these. */
export const head = (url: string, lines: readonly string[], method = "POST"): string =>
  [
    `${method} /mcp HTTP/1.1`,
    `Host: ${new URL(url).host}`,
    "Content-Type: application/json",
    "Accept: application/json, text/event-stream",
    ...lines,
    "",
    "",
  ].join("\r\n");

// A way to a database server that counts the round trips on it.
import { connect, createServer, type Socket } from "node:net";
import { listenLocally } from "./ports.ts";

export interface CountingWay {
  /** The address of the database by this way. */
  url: string;
  /**
   * Times that a client sent something after it had heard from the server: what it sent before was one with that. Without the
   * wake-ups of other processes, for which no call waits.
   */
  readonly count: number;
  close(): void;
}

export async function countingWay(url: string): Promise<CountingWay> {
  const way = new URL(url);
  const [port, host] = [Number(way.port), way.hostname];
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((near) => {
    const far = connect(port, host);
    let hasHeard = true;
    near.on("data", (sent: Buffer) => {
      if (hasHeard && !sent.includes("holdfast_notify")) count += 1;
      hasHeard = false;
    });
    far.on("data", () => (hasHeard = true));
    for (const socket of [near, far]) {
      socket.setNoDelay();
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => (near.destroy(), far.destroy()));
    }
    near.pipe(far).pipe(near);
  });
  way.host = `127.0.0.1:${await listenLocally(server)}`;
  return {
    url: way.href,
    get count() {
      return count;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

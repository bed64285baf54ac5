// A load balancer without affinity: each request goes to the next node. A node that does not answer at all is passed over.
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { listenLocally } from "./ports.ts";

export interface Balancer {
  url: string;
  /** Breaks all connections to nodes, as a balancer does that takes a node for dead. */
  cut(): void;
  /** Breaks one of them. */
  drop(): void;
  close(): void;
}

/** `nodes` are addresses, and may change. */
export async function startBalancer(nodes: readonly string[]): Promise<Balancer> {
  let turn = 0;
  const open = new Set<ServerResponse>();
  /** All nodes, the next one first. */
  const inTurn = (): string[] => {
    const at = turn++ % nodes.length;
    return [...nodes.slice(at), ...nodes.slice(0, at)];
  };
  const pass = (
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    body: Buffer,
    [first, ...others]: readonly string[],
  ): void => {
    const node = new URL(first!);
    const { method, headers, url } = incoming;
    const upstream = request({ host: node.hostname, port: node.port, path: url, method, headers });
    upstream.on("response", (response) => {
      outgoing.writeHead(response.statusCode!, response.headers);
      outgoing.flushHeaders();
      response.pipe(outgoing);
      response.on("error", () => outgoing.destroy());
    });
    upstream.on("error", (error: NodeJS.ErrnoException) => {
      if (outgoing.headersSent) outgoing.destroy();
      else if (error.code === "ECONNREFUSED" && others.length > 0)
        pass(incoming, outgoing, body, others);
      else outgoing.writeHead(502).end();
    });
    open.add(outgoing);
    outgoing.on("close", () => {
      open.delete(outgoing);
      upstream.destroy();
    });
    upstream.end(body);
  };
  const balancer = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => pass(incoming, outgoing, Buffer.concat(chunks), inTurn()));
  });
  const port = await listenLocally(balancer);
  const cut = (): void => open.forEach((response) => response.destroy());
  const drop = (): void => void [...open][Math.floor(Math.random() * open.size)]?.destroy();
  const close = (): void => {
    balancer.closeAllConnections();
    balancer.close();
  };
  return { url: `http://127.0.0.1:${port}/mcp`, cut, drop, close };
}

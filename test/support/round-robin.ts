// A load balancer without affinity: each request goes to the next node. A node that does not answer at all is passed over.
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** Resolves to the balancer's address; `nodes` are addresses, and may change. It ends with the test. */
export async function roundRobin(nodes: readonly string[]): Promise<string> {
  let turn = 0;
  const pass = (
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    body: Buffer,
    tries: number,
  ): void => {
    const node = new URL(nodes[turn++ % nodes.length]!);
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
      else if (error.code === "ECONNREFUSED" && tries > 1)
        pass(incoming, outgoing, body, tries - 1);
      else outgoing.writeHead(502).end();
    });
    outgoing.on("close", () => upstream.destroy());
    upstream.end(body);
  };
  const balancer = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => pass(incoming, outgoing, Buffer.concat(chunks), nodes.length));
  });
  balancer.listen(0, "127.0.0.1");
  await once(balancer, "listening");
  onTestFinished(() => {
    balancer.closeAllConnections();
    balancer.close();
  });
  const { port } = balancer.address() as AddressInfo;
  return `http://127.0.0.1:${port}/mcp`;
}

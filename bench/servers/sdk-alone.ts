// The SDK's `Server` behind Hono, and nothing else: one for all callers, without sessions, storage and guards. Requests
// of one turn go on together, as in Holdfast. The upper bound for a server on this SDK.
import { setImmediate as nextTurn } from "node:timers/promises";
import { type JSONRPCMessage, Server, type Transport } from "@modelcontextprotocol/server";
import { Hono } from "hono";
import { listen } from "./listen.ts";

const waiting = new Map<unknown, (answer: JSONRPCMessage) => void>();
let lastId = 0;

const transport: Transport = {
  start: async () => undefined,
  close: async () => undefined,
  async send(message) {
    if ("id" in message) waiting.get(message.id)?.(message);
  },
};

function ask(message: object): Promise<JSONRPCMessage> {
  const id = ++lastId;
  const { promise, resolve } = Promise.withResolvers<JSONRPCMessage>();
  waiting.set(id, (answer) => {
    waiting.delete(id);
    resolve(answer);
  });
  transport.onmessage?.({ ...message, jsonrpc: "2.0", id } as JSONRPCMessage);
  return promise;
}

const server = new Server({ name: "sdk", version: "1" }, { capabilities: { tools: {} } });
server.setRequestHandler("tools/call", ({ params }) => ({
  content: [{ type: "text", text: String(params.arguments?.["text"]) }],
}));
await server.connect(transport);
const client = { capabilities: {}, clientInfo: { name: "bench", version: "1" } };
await ask({ method: "initialize", params: { protocolVersion: "2025-11-25", ...client } });
transport.onmessage?.({ jsonrpc: "2.0", method: "notifications/initialized" });

let turn: Promise<void> | undefined;
const endOfTurn = (): Promise<void> =>
  (turn ??= nextTurn().then(() => {
    turn = undefined;
  }));

const app = new Hono();
app.post("/mcp", async (c) => {
  await endOfTurn();
  return c.json((await ask(await c.req.json<object>())) as object);
});
listen(app);

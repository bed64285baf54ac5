// The SDK's stock session transport (2025 era): one server and one transport for each session, everything in memory.
// With `sse` it answers on streams and stores their events. With `sqlite FOLDER` its tools commit to SQLite.
import { randomUUID } from "node:crypto";
import {
  type EventStore,
  type JSONRPCMessage,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { Hono } from "hono";
import { listen } from "./listen.ts";
import { sdkServer, sqliteState } from "./sdk-tools.ts";

const [mode, folder] = process.argv.slice(2);
const onStreams = mode === "sse";
const state = mode === "sqlite" ? sqliteState(folder!) : new Map<string, unknown>();
const transports = new Map<string, WebStandardStreamableHTTPServerTransport>();
const app = new Hono();

app.post("/mcp", async (c) => {
  const known = transports.get(c.req.header("mcp-session-id") ?? "");
  return (known ?? (await open())).handleRequest(c.req.raw);
});

async function open(): Promise<WebStandardStreamableHTTPServerTransport> {
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void transports.set(id, transport),
    ...(onStreams ? { eventStore: memoryStore() } : { enableJsonResponse: true }),
  });
  await sdkServer(state).connect(transport);
  return transport;
}

function memoryStore(): EventStore {
  const events = new Map<string, { streamId: string; message: JSONRPCMessage }>();
  let last = 0;
  return {
    async storeEvent(streamId, message) {
      const id = `${streamId}_${++last}`;
      events.set(id, { streamId, message });
      return id;
    },
    async replayEventsAfter(id) {
      return events.get(id)?.streamId ?? "";
    },
  };
}

listen(app);

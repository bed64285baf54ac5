// The SDK's high-level server with the tools of the benchmark; its state is a Map, or a table of SQLite.
import { join } from "node:path";
import { McpServer } from "@modelcontextprotocol/server";
import Database from "better-sqlite3";
import { z } from "zod";

interface State {
  get(key: string): unknown;
  set(key: string, value: unknown): unknown;
}

/** State of which each write is a commit of its own, on disk before it is answered. */
export function sqliteState(folder: string): State {
  const db = new Database(join(folder, "state.db"));
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.exec("CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT, version INTEGER) WITHOUT ROWID");
  const read = db.prepare<[string], { value: string }>("SELECT value FROM state WHERE key = ?");
  // Without a version, an equal value would change no page, and SQLite would neither write nor sync anything.
  const write = db.prepare(
    `INSERT INTO state VALUES (?, ?, 1)
      ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = version + 1`,
  );
  return {
    get(key) {
      const row = read.get(key);
      return row && JSON.parse(row.value);
    },
    set: (key, value) => write.run(key, JSON.stringify(value)),
  };
}

export function sdkServer(state: State): McpServer {
  const server = new McpServer({ name: "sdk", version: "1" });
  const text = (value: unknown) => ({ content: [{ type: "text" as const, text: String(value) }] });
  server.registerTool(
    "state_set",
    {
      description: "Set",
      inputSchema: z.object({
        session: z.string().optional(),
        key: z.string(),
        value: z.unknown(),
      }),
    },
    ({ session, key, value }, { sessionId }) => {
      state.set(`${session ?? sessionId ?? ""}/${key}`, value);
      return text("ok");
    },
  );
  server.registerTool(
    "state_get",
    {
      description: "Get",
      inputSchema: z.object({ session: z.string().optional(), key: z.string() }),
    },
    ({ session, key }, { sessionId }) =>
      text(JSON.stringify(state.get(`${session ?? sessionId ?? ""}/${key}`))),
  );
  server.registerTool(
    "echo",
    { description: "Echo", inputSchema: z.object({ text: z.string() }) },
    (input) => text(input.text),
  );
  server.registerTool(
    "steps",
    { description: "Progress", inputSchema: z.object({ steps: z.number() }) },
    async ({ steps }, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken ?? 0;
      for (let progress = 1; progress <= steps; progress++)
        await mcpReq.notify({
          method: "notifications/progress",
          params: { progressToken, progress },
        });
      return text("done");
    },
  );
  return server;
}

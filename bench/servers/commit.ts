// Bare Hono with one commit to SQLite for each request, on disk before the answer: the upper bound for calls that are stored
// one after another. Argument: the folder.
import { Hono } from "hono";
import { listen } from "./listen.ts";
import { sqliteState } from "./sdk-tools.ts";

interface Call {
  params: { arguments: { key: string; value: unknown } };
}

const state = sqliteState(process.argv[2]!);
const app = new Hono();
app.post("/mcp", async (c) => {
  const call = await c.req.json<Call>();
  const { key, value } = call.params.arguments;
  state.set(key, value);
  return c.json(call);
});
listen(app);

// Bare Hono that reads JSON and returns it: the upper bound for a server on this stack.
import { Hono } from "hono";
import { listen } from "./listen.ts";

const app = new Hono();
app.post("/mcp", async (c) => c.json(await c.req.json()));
listen(app);

// Bare Hono: reads JSON and sends it back. The most that a server on this stack can do.
import { Hono } from "hono";
import { listen } from "./listen.ts";

const app = new Hono();
app.post("/mcp", async (c) => c.json(await c.req.json()));
listen(app);

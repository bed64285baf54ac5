// The SDK's own handler for 2026-07-28, mounted as its documentation shows; its state is a Map.
import { createMcpHandler } from "@modelcontextprotocol/server";
import { Hono } from "hono";
import { listen } from "./listen.ts";
import { sdkServer } from "./sdk-tools.ts";

const state = new Map<string, unknown>();
const handler = createMcpHandler(() => sdkServer(state), { legacy: "reject" });
const app = new Hono();
app.post("/mcp", (c) => handler.fetch(c.req.raw));
listen(app);

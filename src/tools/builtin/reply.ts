// The results of built-in tools: a text for people and models, and the same as structured content.
import type { CallToolResult } from "@modelcontextprotocol/server";

export const reply = (text: string, data: Record<string, unknown>): CallToolResult => ({
  content: [{ type: "text", text }],
  structuredContent: data,
});

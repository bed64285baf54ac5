// The results of built-in tools: a text for people and models, and the same as structured content.
import type { CallToolResult } from "@modelcontextprotocol/server";
import { isoTime } from "../../lib/clock.ts";

export const reply = (text: string, data: Record<string, unknown>): CallToolResult => ({
  content: [{ type: "text", text }],
  structuredContent: data,
});

/** Milliseconds as ISO 8601; null stays null. */
export const iso = (ms: number | null): string | null => (ms === null ? null : isoTime(ms));

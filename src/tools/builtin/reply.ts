// How built-in tools write their results: a text for people and models, and the same as data.
import type { CallToolResult } from "@modelcontextprotocol/server";
import { isoTime } from "../../lib/clock.ts";

export const reply = (text: string, data: Record<string, unknown>): CallToolResult => ({
  content: [{ type: "text", text }],
  structuredContent: data,
});

/** ISO 8601 of milliseconds; null stays null. */
export const iso = (ms: number | null): string | null => (ms === null ? null : isoTime(ms));

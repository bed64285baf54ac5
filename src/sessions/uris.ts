// The addresses under which MCP resources show sessions.
import { textFault } from "../kernel/text.ts";

export const SESSIONS_URI = "holdfast://sessions";

export const sessionUri = (id: string): string => `${SESSIONS_URI}/${id}`;
export const historyUri = (id: string): string => `${sessionUri(id)}/history`;
export const stateUri = (id: string, key: string): string =>
  `${sessionUri(id)}/state/${encodeURIComponent(key)}`;

export type SessionPlace =
  | { kind: "sessions" }
  | { kind: "session"; id: string }
  | { kind: "history"; id: string }
  | { kind: "state"; id: string; key: string };

/** What a uri of ours stands for; undefined for any other. */
export function parseSessionUri(uri: string): SessionPlace | undefined {
  if (uri === SESSIONS_URI) return { kind: "sessions" };
  const match = /^holdfast:\/\/sessions\/([^/]+)(?:\/(history)|\/state\/([^/]+))?$/.exec(uri);
  if (match === null) return undefined;
  const [, id, history, key] = match as unknown as [string, string, string?, string?];
  if (history !== undefined) return { kind: "history", id };
  if (key === undefined) return { kind: "session", id };
  try {
    const decoded = decodeURIComponent(key);
    return textFault(decoded) === undefined ? { kind: "state", id, key: decoded } : undefined;
  } catch {
    return undefined; // a stray percent sign
  }
}

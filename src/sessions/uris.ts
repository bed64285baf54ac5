// The URIs of sessions as MCP resources.
import { textFault } from "../lib/text/text.ts";

export const SESSIONS_URI = "holdfast://sessions";

export const sessionUri = (id: string): string => `${SESSIONS_URI}/${id}`;
export const historyUri = (id: string): string => `${sessionUri(id)}/history`;
export const stateUri = (id: string, key: string): string =>
  `${sessionUri(id)}/state/${encodeURIComponent(key)}`;

/** The resource of a URI. `cursor` and `before` select a later page of a list. */
export type SessionPlace =
  | { kind: "sessions"; cursor?: string | undefined }
  | { kind: "session"; id: string }
  | { kind: "history"; id: string; before?: number | undefined }
  | { kind: "state"; id: string; key: string };

/** URIs of a list's later pages. */
export const sessionsFrom = (cursor: string): string => `${SESSIONS_URI}?cursor=${cursor}`;
export const historyBefore = (id: string, before: number): string =>
  `${historyUri(id)}?before=${before}`;

/** The resource of our URI in any spelling; undefined for other URIs. */
export function parseSessionUri(uri: string): SessionPlace | undefined {
  return placeOf(uri) ?? placeOf(normalizedUri(uri));
}

const PLACE =
  /^holdfast:\/\/sessions(?:\/(?:([^/?#]+)(?:\/(?:(history)|state\/([^/?#]+)))?)?)?(?:\?([^#]*))?$/;

function placeOf(uri: string): SessionPlace | undefined {
  const match = PLACE.exec(uri);
  if (match === null) return undefined;
  const [, id, history, key, query] = match;
  const part = new URLSearchParams(query);
  try {
    if (id === undefined) {
      const cursor = part.get("cursor") || undefined;
      return { kind: "sessions", cursor };
    }
    const session = decodeURIComponent(id);
    if (/^\.\.?$/.test(session)) return undefined;
    if (history !== undefined) {
      const before = part.get("before");
      if (before !== null && !/^[1-9]\d{0,14}$/.test(before)) return undefined;
      return { kind: "history", id: session, before: before === null ? undefined : Number(before) };
    }
    if (query !== undefined) return undefined;
    if (key === undefined) return { kind: "session", id: session };
    const decoded = decodeURIComponent(key);
    return textFault(decoded) === undefined
      ? { kind: "state", id: session, key: decoded }
      : undefined;
  } catch {
    return undefined; // a stray percent sign
  }
}

/** The one spelling of all equal URIs: RFC 3986, section 6.2, and RFC 6570 for ours. */
export function canonicalUri(uri: string): string {
  const place = parseSessionUri(uri);
  switch (place?.kind) {
    case "sessions":
      return SESSIONS_URI;
    case "session":
      return sessionUri(place.id);
    case "history":
      return historyUri(place.id);
    case "state":
      return stateUri(place.id, place.key);
    case undefined:
      return normalizedUri(uri);
  }
}

const UNRESERVED = /^[A-Za-z0-9._~-]$/;
/** The parts of a URI: RFC 3986, appendix B. */
const PARTS = /^([^:/?#]+):(?:\/\/([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?$/s;

/** Normalizes by syntax alone: the case of scheme, host and escapes, escapes of plain characters, dots in the path. */
function normalizedUri(uri: string): string {
  const parts = PARTS.exec(uri);
  if (parts === null) return uri;
  const [, scheme = "", authority, path = "", query = "", fragment = ""] = parts;
  const host = authority === undefined ? "" : `//${normalizedAuthority(authority)}`;
  const plain = unescaped(path);
  const way = plain.startsWith("/") ? withoutDots(plain) : plain;
  return `${scheme.toLowerCase()}:${host}${way}${unescaped(query)}${unescaped(fragment)}`;
}

function normalizedAuthority(authority: string): string {
  const at = authority.lastIndexOf("@") + 1;
  const host = unescaped(authority.slice(at)).toLowerCase().replace(/:$/, "");
  return `${unescaped(authority.slice(0, at))}${host.replace(/%[0-9a-f]{2}/g, (escape) => escape.toUpperCase())}`;
}

const unescaped = (text: string): string =>
  text.replace(/%[0-9A-Fa-f]{2}/g, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return UNRESERVED.test(character) ? character : escape.toUpperCase();
  });

function withoutDots(path: string): string {
  const kept: string[] = [];
  const segments = path.slice(1).split("/");
  for (const [i, segment] of segments.entries()) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
    if (/^\.\.?$/.test(segment) && i === segments.length - 1) kept.push("");
  }
  return `/${kept.join("/")}`;
}

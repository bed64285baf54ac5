// The headers that repeat parts of the body in 2026-07-28 over HTTP, so that proxies can route without parsing it.
// They are required and must match. Spec: modelcontextprotocol.io, "Streamable HTTP", standard and custom headers.
import type { JSONRPCRequest } from "@modelcontextprotocol/server";
import type { HeaderParameter } from "../../tools/header-parameters.ts";

/** The reason to refuse a request. */
export interface Mismatch {
  header: string;
  /** The header's value; undefined for a missing header. */
  sent?: string;
  /** The value in the body. */
  expected: string;
}

/** The parameter that `Mcp-Name` repeats, by method. */
const NAMED_BY: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
  "tasks/get": "taskId",
  "tasks/update": "taskId",
  "tasks/cancel": "taskId",
};

const BASE64_SENTINEL = /^=\?base64\?(.*)\?=$/;
const DECIMAL = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/**
 * Checks `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name`. The SDK has already checked that present headers match
 * the body.
 */
export function checkStandardHeaders(
  { method, params }: JSONRPCRequest,
  headers: Headers,
): Mismatch | undefined {
  for (const name of ["MCP-Protocol-Version", "Mcp-Method"]) {
    if (!headers.has(name)) return { header: name, expected: "one that repeats the body" };
  }
  const field = Object.hasOwn(NAMED_BY, method) ? NAMED_BY[method]! : undefined;
  const value = field === undefined ? undefined : params?.[field];
  return typeof value === "string" ? compare("Mcp-Name", value, headers) : undefined;
}

/** Checks `Mcp-Param-…`, for arguments whose schema requires it. */
export function checkParameterHeaders(
  parameters: readonly HeaderParameter[],
  args: unknown,
  headers: Headers,
): Mismatch | undefined {
  for (const { header, path } of parameters) {
    const value = valueAt(args, path);
    if (value === undefined || value === null || typeof value === "object") continue;
    if (typeof value === "number" && !Number.isSafeInteger(value)) continue; // clients send no header for such numbers
    const mismatch = compare(`Mcp-Param-${header}`, value as string | number | boolean, headers);
    if (mismatch !== undefined) return mismatch;
  }
  return undefined;
}

function compare(
  name: string,
  value: string | number | boolean,
  headers: Headers,
): Mismatch | undefined {
  const header = headers.get(name);
  const expected = JSON.stringify(value);
  if (header === null) return { header: name, expected };
  const decoded = decode(header);
  const same =
    typeof value === "number" && decoded !== undefined && DECIMAL.test(decoded)
      ? Number(decoded) === value
      : decoded === String(value);
  return same ? undefined : { header: name, sent: JSON.stringify(header), expected };
}

/** A header's text, decoded from `=?base64?…?=`; undefined for invalid base64 or UTF-8. */
function decode(header: string): string | undefined {
  const encoded = BASE64_SENTINEL.exec(header)?.[1];
  if (encoded === undefined) return header;
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.toString("base64") !== encoded) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  let node = root;
  for (const key of path) {
    if (typeof node !== "object" || node === null || !Object.hasOwn(node, key)) return undefined;
    node = (node as Record<string, unknown>)[key];
  }
  return node;
}

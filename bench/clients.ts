// Requests as programs of 2025 and of 2026-07-28 send them, for load and for single measurements.

export interface PreparedRequest {
  headers: Record<string, string>;
  body: string;
}

/** Make the requests of one connection: the first ones, and the one to repeat. */
export type Workload = (url: string) => Promise<PreparedRequest>;

const JSON_HEADERS = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
};

export async function post(url: string, { headers, body }: PreparedRequest): Promise<Response> {
  const response = await fetch(url, { method: "POST", headers, body });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response;
}

const rpc = (method: string, params: object): string =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });

/** Initialize a 2025-era client; resolves to its headers. */
export async function introduce(url: string): Promise<Record<string, string>> {
  const params = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "bench", version: "1" },
  };
  const response = await post(url, { headers: JSON_HEADERS, body: rpc("initialize", params) });
  await response.text();
  return {
    ...JSON_HEADERS,
    "mcp-session-id": response.headers.get("mcp-session-id")!,
    "mcp-protocol-version": "2025-11-25",
  };
}

/** Calls of a tool by a 2025-era client. */
export const legacy =
  (name: string, args: object, meta?: object): Workload =>
  async (url) => ({
    headers: await introduce(url),
    body: rpc("tools/call", { name, arguments: args, ...(meta && { _meta: meta }) }),
  });

const ENVELOPE = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};

export const modernCall = (name: string, args: object): PreparedRequest => ({
  headers: {
    ...JSON_HEADERS,
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "tools/call",
    "mcp-name": name,
  },
  body: rpc("tools/call", { name, arguments: args, _meta: ENVELOPE }),
});

/** Calls of a tool by a 2026-07-28 client, in its own session if the server has sessions. */
export const modern =
  (name: string, args: object): Workload =>
  async (url) => {
    const answer = await post(url, modernCall("session_open", {}));
    const { result } = (await answer.json()) as {
      result?: { structuredContent?: { session: string } };
    };
    return modernCall(name, { session: result?.structuredContent?.session ?? "one", ...args });
  };

/** The same body for a server that speaks no MCP. */
export const plain =
  (name: string, args: object): Workload =>
  async () => ({ headers: JSON_HEADERS, body: rpc("tools/call", { name, arguments: args }) });

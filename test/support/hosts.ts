// The requests of well-known hosts and programs as they come over the wire, as far as they concern where a call works.
// Sources: https://github.com/anthropics/claude-ai-mcp/issues/583 and 975, https://github.com/openai/openai-apps-sdk-examples/issues/201,
// https://github.com/anthropics/claude-ai-mcp/issues/70.
import { askModern, callModern, envelope, MODERN } from "./modern.ts";
import { type RawStdio, rawStdio, type Wire } from "./raw-stdio.ts";
import { calling, initialize, introduce, type Json, post, read, rpc } from "./raw.ts";

/** The structured content of a tool's result. */
export type CallTool = (tool: string, args: object) => Promise<Json>;

export interface Place {
  /** The server's address, without a name. */
  url: string;
  folder: string;
  /** The stdio processes that hosts have started. */
  processes: RawStdio[];
}

/** A day of a host: it begins anew, and calls. */
export type Host = (place: Place) => Promise<CallTool>;

const INITIALIZED = { jsonrpc: "2.0", method: "notifications/initialized" };

const bare = async (url: string, tool: string, args: object, headers = {}): Promise<Json> =>
  calling(await read(await post(url, rpc("tools/call", { name: tool, arguments: args }), headers)))
    .data;

/** The answer is read, and its `Mcp-Session-Id` never sent. */
const introduced = async (url: string, params: object = {}, headers = {}): Promise<void> => {
  await read(await post(url, initialize(params), headers));
  await post(url, INITIALIZED);
};

async function pipe({ folder, processes }: Place, introduce: boolean): Promise<RawStdio> {
  const process = await rawStdio(["--data-dir", folder], { introduce });
  processes.push(process);
  return process;
}

const dataOf = ({ result }: Wire): Json => result!.structuredContent!;

let day = 0;

export const HOSTS: Readonly<Record<string, Host>> = {
  "claude.ai (server/discover, then initialize for each call, always id 1, no header at all)":
    async ({ url }) => {
      await askModern(url, "server/discover");
      return async (tool, args) => {
        await introduced(url, { clientInfo: { name: "Anthropic/ClaudeAI", version: "1.0.0" } });
        return bare(url, tool, args, { accept: "*/*" });
      };
    },

  "ChatGPT (initialize and tools/list before each call, ?tools=chatgpt, no header)":
    async ({ url }) =>
    async (tool, args) => {
      const address = `${url}?tools=chatgpt`;
      await introduced(address, { clientInfo: { name: "openai-mcp", version: "1.0.0" } });
      await read(await post(address, rpc("tools/list")));
      return bare(address, tool, args);
    },

  "opencode (initialize once, then no Mcp-Session-Id)": async ({ url }) => {
    await introduced(url, { clientInfo: { name: "opencode", version: "1.18.33" } });
    return (tool, args) => bare(url, tool, args, { "mcp-protocol-version": "2025-11-25" });
  },

  "a client that was told of 2026-07-28 and introduces itself all the same, with that header":
    async ({ url }) => {
      await askModern(url, "server/discover");
      await introduced(url, {}, { "mcp-protocol-version": MODERN });
      return (tool, args) => bare(url, tool, args);
    },

  "a program with another name each day": async ({ url }) => {
    const clientInfo = { name: `client-${crypto.randomUUID()}`, version: `0.0.${++day}` };
    await introduced(url, { clientInfo });
    return (tool, args) => bare(url, tool, args);
  },

  "a script that sends tools/call and nothing else":
    async ({ url }) =>
    (tool, args) =>
      bare(url, tool, args, { accept: "application/json" }),

  "a host that introduces itself for each call and brings the id within it, at /mcp/home":
    async ({ url }) =>
    async (tool, args) =>
      (await (await introduce(`${url}/home`)).call(tool, args)).data,

  "a client that keeps its id under a version that nobody knows, at ?name=home": async ({
    url,
  }) => {
    const address = `${url}?name=home`;
    const { id } = await introduce(address);
    const headers = { "mcp-session-id": id, "mcp-protocol-version": "2099-01-01" };
    return (tool, args) => bare(address, tool, args, headers);
  },

  "a bridge that tries a GET first, at ?name=home": async ({ url }) => {
    const address = `${url}?name=home`;
    const answer = await fetch(address, { headers: { accept: "text/event-stream" } });
    if (answer.status !== 405) throw new Error(`GET: ${answer.status}`);
    const client = await introduce(address, { version: "2025-06-18" });
    return async (tool, args) => (await client.call(tool, args)).data;
  },

  "a program of 2026-07-28, without any handle":
    async ({ url }) =>
    async (tool, args) =>
      (await callModern(url, tool, args)).data,

  "a desktop program over stdio": async (place) => {
    const process = await pipe(place, true);
    return async (tool, args) => dataOf(await process.call(tool, args));
  },

  "a program of 2026-07-28 over stdio": async (place) => {
    const process = await pipe(place, false);
    return async (name, args) =>
      dataOf(await process.request("tools/call", { name, arguments: args, _meta: envelope() }));
  },
};

// Programs of others that speak MCP, as people install them, behind one face: a tool by its name, and the text it gives.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createMCPClient } from "@ai-sdk/mcp";
import { MultiServerMCPClient } from "@langchain/mcp-adapters";
import { Client, type VersionNegotiationMode } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { onTestFinished } from "vitest";
import { type ClientVersion, connect } from "./clients.ts";
import { temporaryFolder } from "./folder.ts";
import { cleanEnv, run } from "./process.ts";

/** Resolves to the text of the result, whether the tool has failed or not; rejects when the call had none. */
export type CallByName = (tool: string, args: object) => Promise<string>;

export interface Program {
  /**
   * The end of a call whose connection breaks: it comes back for the result (2025), the call is lost (2026), or it comes
   * back twice and gives up, which may be too early on a busy machine.
   */
  cut: "result" | "error" | "either";
  /** Starts it anew, configured with this address. */
  start(url: string): Promise<CallByName>;
}

const installed = (path: string): string =>
  fileURLToPath(new URL(`../../node_modules/${path}`, import.meta.url));

const textOf = (parts: unknown): string =>
  [parts]
    .flat()
    .map((part) => (part as { text?: string }).text ?? "")
    .join("\n");

const official = (version: ClientVersion) => async (url: string) => {
  const client = await connect(version, { url });
  return async (tool: string, args: object) => (await client.call(tool, { ...args })).text;
};

async function aiSdk(url: string): Promise<CallByName> {
  const client = await createMCPClient({ transport: { type: "http", url } });
  onTestFinished(() => client.close());
  return async (name, args) =>
    textOf((await client.callTool({ name, arguments: { ...args } })).content);
}

async function langChain(url: string): Promise<CallByName> {
  const reconnect = { enabled: true, maxAttempts: 50, delayMs: 1_000 };
  const client = new MultiServerMCPClient({ holdfast: { transport: "http", url, reconnect } });
  onTestFinished(() => client.close());
  const tools = await client.getTools();
  return async (name, args) => {
    const tool = tools.find((one) => one.name === name)!;
    try {
      return textOf(await tool.invoke(args));
    } catch (error) {
      // Failures of tools are exceptions here.
      if ((error as Error).name === "ToolException") return (error as Error).message;
      throw error;
    }
  };
}

/** A program that speaks stdio only, and mcp-remote between it and the address. */
const bridge = (mode: VersionNegotiationMode) => async (url: string) => {
  const home = temporaryFolder();
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [installed("mcp-remote/dist/proxy.js"), url, "--silent"],
    env: cleanEnv({ HOME: home, MCP_REMOTE_CONFIG_DIR: home }),
    stderr: "ignore",
  });
  const client = new Client(
    { name: "desktop", version: "1.0.0" },
    { versionNegotiation: { mode } },
  );
  await client.connect(transport);
  onTestFinished(() => client.close());
  return async (name: string, args: object) =>
    textOf((await client.callTool({ name, arguments: { ...args } })).content);
};

/** Each call is a process. */
async function mcporter(url: string): Promise<CallByName> {
  const cwd = temporaryFolder();
  const config = join(cwd, "mcporter.json");
  writeFileSync(config, JSON.stringify({ mcpServers: { holdfast: { type: "http", url } } }));
  return async (tool, args) => {
    const words = ["call", `holdfast.${tool}`, "--args", JSON.stringify(args)];
    const { stdout, stderr } = await run(["--config", config, ...words], {
      ...{ cwd, env: { HOME: cwd, MCPORTER_DISABLE_IMPORTS: "1" } },
      program: [process.execPath, installed("mcporter/dist/cli.js")],
    });
    if (stdout === "") throw new Error(stderr);
    return stdout;
  };
}

export const PROGRAMS: Readonly<Record<string, Program>> = {
  "the SDK's client 1": { cut: "result", start: official("v1") },
  "the SDK's client 2": { cut: "result", start: official("v2") },
  "the SDK's client 2 of 2026": { cut: "error", start: official("auto") },
  "the AI SDK": { cut: "error", start: aiSdk },
  LangChain: { cut: "result", start: langChain },
  "mcp-remote": { cut: "either", start: bridge("legacy") },
  "mcp-remote of 2026": { cut: "error", start: bridge("auto") },
  "mcporter, a process for each call": { cut: "either", start: mcporter },
};

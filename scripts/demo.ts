// The promise in ten seconds: a client stores a fact, the server is killed with SIGKILL, the same client goes on.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const MAIN = join(import.meta.dirname, "../bin/holdfast.js");
const folder = mkdtempSync(join(tmpdir(), "holdfast-demo-"));

let server: ChildProcess | undefined;

/** Start the server; resolves to its address. */
async function start(port: string): Promise<URL> {
  const args = [MAIN, "serve", "--port", port, "--data-dir", folder];
  server = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface(server.stdout!)) {
    const address = /listens on (\S+)/.exec(line)?.[1];
    if (address !== undefined) return new URL(address);
  }
  throw new Error("The server did not start.");
}

async function kill(): Promise<void> {
  const gone = once(server!, "exit");
  server!.kill("SIGKILL");
  await gone;
}

const say = (who: string, what: string): void => console.log(`${who.padEnd(9)}${what}`);

const client = new Client({ name: "demo", version: "1.0.0" });

async function call(name: string, args: Record<string, unknown> = {}): Promise<string> {
  const { content } = await client.callTool({ name, arguments: args });
  return content.map((part) => (part.type === "text" ? part.text : "")).join("\n");
}

try {
  const url = await start("0");
  const transport = new StreamableHTTPClientTransport(url);
  await client.connect(transport);
  const session = transport.sessionId;
  say("server", `process ${server!.pid} listens on ${url}`);
  say("client", `connected; Mcp-Session-Id ${session}`);
  say(
    "client",
    `state_set: ${await call("state_set", { key: "favourite colour", value: "kelp green" })}`,
  );
  await call("chat", { prompt: "My boat is called Laminaria and lies in Galway." });
  say("client", `chat: "My boat is called Laminaria and lies in Galway."`);

  await kill();
  say("server", "killed with SIGKILL");
  await start(url.port);
  say("server", `process ${server!.pid} listens on ${url}`);

  say("client", "the same client goes on, with no new handshake:");
  say("client", `state_get: ${await call("state_get", { key: "favourite colour" })}`);
  const answer = await call("chat", { prompt: "What is my boat called?" });
  say("client", `chat: "What is my boat called?"`);
  for (const line of answer.split("\n")) say("", line);
  say("client", `session_info: ${await call("session_info")}`);
  if (transport.sessionId !== session) throw new Error("The session id has changed.");
  console.log("\nNothing was lost: same client, same session id, same state, same conversation.");
} finally {
  await client.close();
  server?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}

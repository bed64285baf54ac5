// `holdfast stdio` without a client library: every line it writes is kept, and it can be killed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import { cleanEnv, PROGRAM } from "./process.ts";

/** A JSON-RPC message, as it came. */
export interface Wire {
  jsonrpc?: string;
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: {
    content?: { type: string; text?: string }[];
    structuredContent?: Record<string, any>; // oxlint-disable-line typescript/no-explicit-any -- asserted
    isError?: boolean;
  };
  error?: { code: number; message: string };
}

export interface RawStdio {
  readonly pid: number;
  /** Every line of standard output so far. */
  readonly lines: readonly string[];
  readonly errors: () => string;
  /** Sends a request; resolves to its answer. */
  request(method: string, params?: object): Promise<Wire>;
  notify(method: string, params?: object): void;
  /** A tool call; resolves to the answer. */
  call(name: string, args?: object): Promise<Wire>;
  /** Sends text as it is. */
  write(text: string): void;
  /** Stops reading standard output, so that its pipe fills. */
  pause(): void;
  resume(): void;
  /** Closes standard input. */
  end(): void;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when the process has ended and everything it wrote is read. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** Starts the program; with `introduce` it is a 2025-era client from the start. It is killed at the test's end. */
export async function rawStdio(
  args: readonly string[],
  {
    introduce = true,
    env = {},
    command = [...PROGRAM, "stdio"] as readonly string[],
    cwd = undefined as string | undefined,
  } = {},
): Promise<RawStdio> {
  const child = spawn(command[0]!, [...command.slice(1), ...args], { env: cleanEnv(env), cwd });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines: string[] = [];
  const waiting = new Map<number, (answer: Wire) => void>();
  let errors = "";
  child.stderr.on("data", (chunk) => (errors += String(chunk)));
  child.stdin.on("error", () => undefined); // the process may be dead already
  const output = createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    const message = parse(line);
    if (message?.id !== undefined && message.method === undefined)
      waiting.get(message.id)?.(message);
  });
  const exited = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  let lastId = 0;
  const write = (text: string): void => void child.stdin.write(text);
  const raw: RawStdio = {
    pid: child.pid!,
    lines,
    errors: () => errors,
    request(method, params = {}) {
      const id = ++lastId;
      const { promise, resolve } = Promise.withResolvers<Wire>();
      waiting.set(id, resolve);
      write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
      return promise;
    },
    notify: (method, params = {}) =>
      write(`${JSON.stringify({ jsonrpc: "2.0", method, params })}\n`),
    call: (name, args = {}) => raw.request("tools/call", { name, arguments: args }),
    write,
    pause: () => void output.pause(),
    resume: () => void output.resume(),
    end: () => child.stdin.end(),
    signal: (signal) => void child.kill(signal),
    exited,
  };
  if (introduce) {
    await raw.request("initialize", {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "raw-client", version: "0.0.1" },
    });
    raw.notify("notifications/initialized");
  }
  return raw;
}

function parse(line: string): Wire | undefined {
  try {
    return JSON.parse(line) as Wire;
  } catch {
    return undefined;
  }
}

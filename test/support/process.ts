// The real program as a child process, to be stopped and killed.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The program in a few files, which start faster than the source; test/support/build.ts makes them. */
export const BUNDLE = file("../../node_modules/.cache/holdfast/main.mjs");

/** Servers of other programs than the command, by their names beside the bundle, which has them too. */
export const SCRIPTS = {
  "fixture-server": file("fixture-server.ts"),
  "conformance-server": file("conformance-server.ts"),
  "task-server": file("task-server.ts"),
};

const built = (name: keyof typeof SCRIPTS): string => join(dirname(BUNDLE), `${name}.mjs`);

/** Makes starts of scripts that are not built as fast as the command's. */
const FORMATS = file("../../bin/formats.js");

/** A server with tools that wait. */
export const FIXTURE = built("fixture-server");

/** A server with what the conformance suite asks for. */
export const CONFORMANCE = built("conformance-server");

/** A server with tasks. */
export const TASKS = built("task-server");

/** Room for what a start makes, in megabytes: a tenth of its processor time goes into collecting that again and again. */
const ROOM = "--min-semi-space-size=4";

/** The command that starts the program: Node and the bundle, or a single executable. */
export const PROGRAM: readonly string[] = [process.execPath, ROOM, BUNDLE];

export interface ServerOptions {
  /** Or the address of a database. */
  folder: string;
  args?: readonly string[];
  env?: Record<string, string>;
  program?: readonly string[];
  /** Default 0: the system chooses. */
  port?: number;
  /** A script to start instead of the program; it gets the port and the folder. */
  script?: string;
}

export interface ServerProcess {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Standard error so far. */
  readonly errors: () => string;
  /** SIGKILL: no time for a last word. */
  kill(): Promise<void>;
  /** SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>;
}

/** Without the settings of the machine that runs the tests. */
export function cleanEnv(extra: Record<string, string> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(HOLDFAST|OPENAI|ANTHROPIC|OLLAMA)_/.test(name),
  );
  return { ...(Object.fromEntries(kept) as Record<string, string>), ...extra };
}

/** What a command leaves. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a command of the program to its end. */
export async function run(
  args: readonly string[],
  {
    env = {},
    cwd,
    program = PROGRAM,
  }: { env?: Record<string, string>; cwd?: string; program?: readonly string[] } = {},
): Promise<Ended> {
  const child = spawn(program[0]!, [...program.slice(1), ...args], { env: cleanEnv(env), cwd });
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout: stdout(), stderr: stderr() };
}

/** Starts `holdfast serve` and waits until it listens. */
export async function startServer({
  folder,
  args = [],
  env = {},
  program = PROGRAM,
  port = 0,
  script,
}: ServerOptions): Promise<ServerProcess> {
  const place = [folder.startsWith("postgres") ? "--database-url" : "--data-dir", folder];
  const command = script
    ? [process.execPath, "--import", FORMATS, script, String(port), folder]
    : [...program, "serve", "--port", String(port), ...place, ...args];
  const child = spawn(command[0]!, command.slice(1), {
    env: cleanEnv(env),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const errors = collect(child.stderr);
  const exited = once(child, "exit") as Promise<[number | null]>;
  const kill = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return (await exited)[0];
  };
  onTestFinished(async () => {
    await kill("SIGKILL");
  });
  const url = await listening(child, errors);
  return {
    url,
    port: Number(new URL(url).port),
    pid: child.pid!,
    errors,
    kill: async () => {
      await kill("SIGKILL");
    },
    stop: () => kill("SIGTERM"),
  };
}

function listening(child: ChildProcess, errors: () => string): Promise<string> {
  const output = collect(child.stdout!);
  return new Promise((resolve, reject) => {
    child.stdout!.on("data", () => {
      const url = /listens on (\S+)/.exec(output())?.[1];
      if (url !== undefined) resolve(url);
    });
    child.once("exit", () => reject(new Error(`The server did not start: ${errors()}`)));
  });
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.on("data", (chunk) => (text += String(chunk)));
  return () => text;
}

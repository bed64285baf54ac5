// Server processes for benchmarks.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Running {
  readonly url: string;
  readonly pid: number;
  /** Kill the process with SIGKILL. */
  kill(): Promise<void>;
  /** The same with SIGTERM. */
  stop(): Promise<void>;
}

/** Start a file of bench/servers/ and wait for its address. */
export function startServer(file: string, ...args: string[]): Promise<Running> {
  const path = join(import.meta.dirname, "servers", file);
  return startProgram([process.execPath, path, ...args]);
}

/** Start a program and wait for its address. */
export async function startProgram(
  [file, ...args]: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Running> {
  const child = spawn(file!, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  return {
    url: await address(child),
    pid: child.pid!,
    kill: () => end(child, "SIGKILL"),
    stop: () => end(child, "SIGTERM"),
  };
}

async function address(child: ChildProcess): Promise<string> {
  let output = "";
  // A framework that logs later must find it open.
  for await (const chunk of child.stdout!.iterator({ destroyOnReturn: false })) {
    output += String(chunk);
    const url = /listens on (http\S+)/.exec(output)?.[1];
    if (url === undefined) continue;
    child.stdout!.resume();
    return url;
  }
  throw new Error(`The server did not start: ${output}`);
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

/** Resident memory in bytes (Linux). */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) * 1024;
}

/** Processor time of all threads of a process so far, user and system, in microseconds, in steps of 10 ms (Linux). */
export function cpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the name in brackets, which may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]); // utime, stime
  return ticks * 10_000; // Linux tells 100 ticks a second
}

/** Make a folder, and delete it after `use`. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  using open = new DisposableStack();
  return await use(temporaryFolder(open));
}

/** Make a folder that is deleted with the stack. */
export function temporaryFolder(open: DisposableStack | AsyncDisposableStack): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  open.defer(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

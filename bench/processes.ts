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
}

/** Start a file of bench/servers/ and wait for its address. */
export async function startServer(file: string, ...args: string[]): Promise<Running> {
  const path = join(import.meta.dirname, "servers", file);
  const child = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  return { url: await address(child), pid: child.pid!, kill: () => kill(child) };
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

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
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

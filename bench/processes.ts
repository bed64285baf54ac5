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
  for await (const chunk of child.stdout!) {
    output += String(chunk);
    const url = /listens on (\S+)/.exec(output)?.[1];
    if (url !== undefined) return url;
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

/** Make a folder, and delete it after `use`. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// Which processes are alive, as far as one look can tell.
import { readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { Instance } from "./store.ts";

/** Where process ids can be compared: a host name, and on Linux the process namespace (a container has its own). */
export const HOST = `${hostname()}${pidNamespace()}`;

/** Heartbeats come every 5 seconds; one older than this is no sign of life. */
const FRESH_MS = 30_000;

function pidNamespace(): string {
  try {
    return ` ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return ""; // not Linux
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Whether an instance seems to be at work: its heartbeat is fresh and, where that can be told, its process is there.
 * For people: recovery watches heartbeats instead (instances.ts), because clocks and a laptop's sleep mislead.
 */
export const seemsAlive = ({ host, pid, heartbeatAt }: Instance, now: number): boolean =>
  now - heartbeatAt < FRESH_MS && (host !== HOST || isRunning(pid));

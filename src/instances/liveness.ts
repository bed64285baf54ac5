// Which processes are alive, as far as one look can tell.
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { hostname, uptime } from "node:os";
import type { Instance } from "./store.ts";

/**
 * Where process ids can be compared: a host name, on Linux with the process namespace (a container has its own). The
 * first namespace has one number on every machine, so that the boot belongs to it.
 */
const NAME = `${hostname()}${read(() => ` ${readlinkSync("/proc/self/ns/pid")}`)}`;
const BOOT = read(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
export const HOST = `${NAME} ${BOOT}`.trim();

/** Heartbeats come every 5 seconds; one older than this is no sign of life. */
const FRESH_MS = 30_000;

/** Nothing where the system is not Linux. */
function read(look: () => string): string {
  try {
    return look();
  } catch {
    return "";
  }
}

/** Whether this process sees the process table of that host. Earlier versions knew no boots. */
const isHere = (host: string): boolean => host === HOST || host === NAME;

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Whether the process of an instance that is none of this one's has certainly ended: it is not in the process table, its
 * id is this process's now, or the machine was started after its last heartbeat.
 */
export function hasEnded({ host, pid, heartbeatAt }: Instance, now: number): boolean {
  if (isHere(host)) return pid === process.pid || !isRunning(pid);
  return BOOT !== "" && host.startsWith(`${NAME} `) && heartbeatAt < now - uptime() * 1_000;
}

/**
 * Whether its process is certainly there, however old its heartbeat is: it is stopped, or busy, or could not write. A
 * process that has the database open is no other one under a reused id. False where that cannot be told.
 */
export function isAtWork({ host, pid }: Instance, database: string | undefined): boolean {
  if (database === undefined || !isHere(host)) return false;
  try {
    const { dev, ino } = statSync(database);
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => {
      const open = statSync(`/proc/${pid}/fd/${descriptor}`, { throwIfNoEntry: false });
      return open?.ino === ino && open.dev === dev;
    });
  } catch {
    return false; // another user's process, or another system than Linux
  }
}

/**
 * Whether an instance seems to be at work, for people and for whoever must have the database alone. Recovery watches
 * heartbeats instead of comparing them (instances.ts), because clocks and a laptop's sleep mislead.
 */
export const seemsAlive = (instance: Instance, now: number, database: string): boolean =>
  !hasEnded(instance, now) &&
  (now - instance.heartbeatAt < FRESH_MS || isAtWork(instance, database));

// The liveness of processes, as far as one look can tell.
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { hostname, uptime } from "node:os";
import type { Instance } from "./store.ts";

/**
 * The scope in which process ids are comparable: a host name, and on Linux the process namespace, as a container has
 * its own. The first namespace has the same number on every machine, so the boot id belongs to the scope.
 */
const NAME = `${hostname()}${read(() => ` ${readlinkSync("/proc/self/ns/pid")}`)}`;
const BOOT = read(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
export const HOST = `${NAME} ${BOOT}`.trim();

/** Maximum age of a heartbeat that is a sign of life; they come every 5 seconds. */
const FRESH_MS = 30_000;

/** The value, or "" on a system other than Linux. */
function read(look: () => string): string {
  try {
    return look();
  } catch {
    return "";
  }
}

/** True if this process sees that host's process table. Rows of earlier versions have no boot id. */
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
 * True if the process of a foreign instance has certainly ended: it is not in the process table, its id is this
 * process's now, or the machine was started after its last heartbeat.
 */
export function hasEnded({ host, pid, heartbeatAt }: Instance, now: number): boolean {
  if (isHere(host)) return pid === process.pid || !isRunning(pid);
  return BOOT !== "" && host.startsWith(`${NAME} `) && heartbeatAt < now - uptime() * 1_000;
}

/**
 * True if the instance's process certainly exists, however old its heartbeat is: it may be suspended, busy or unable
 * to write. A process that has the database open is no other one under a reused id. False when this cannot be told.
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
    return false; // another user's process, or a system other than Linux
  }
}

/**
 * True if an instance seems to be at work; for display, and for commands that need the database alone. Recovery
 * watches heartbeats instead of comparing times (instances.ts), because clocks and a laptop's sleep mislead.
 */
export const seemsAlive = (instance: Instance, now: number, database: string): boolean =>
  !hasEnded(instance, now) &&
  (now - instance.heartbeatAt < FRESH_MS || isAtWork(instance, database));

// Exclusive use of a database, for a command that replaces it.
import { seemsAlive } from "../../../instances/liveness.ts";
import type { Instance } from "../../../instances/store.ts";
import { AppError } from "../../../lib/errors.ts";
import { openExisting, type Sqlite } from "../engine/connection.ts";

export interface Claim {
  /** The database, for reading. */
  database: Sqlite;
  release(): void;
}

/**
 * Folds the log into the file and keeps other processes out. An unreadable database has no users, so it needs neither.
 * @throws AppError `busy` when another process uses the database
 */
export function claim(file: string): Claim | undefined {
  const database = openExisting(file, { timeout: 0 });
  try {
    refuseInstances(file, database);
    // Leave WAL mode: SQLite allows this only to the last connection, and removes the log.
    const mode = database.pragma("journal_mode = DELETE", { simple: true });
    if (mode !== "delete") throw inUse(file);
    database.exec("BEGIN EXCLUSIVE");
    return { database, release: () => void database.close() };
  } catch (error) {
    database.close();
    const { code = "" } = error as { code?: string };
    if (/^SQLITE_(NOTADB|CORRUPT|ERROR)/.test(code)) return undefined;
    throw /^SQLITE_(BUSY|LOCKED)/.test(code) ? inUse(file) : error;
  }
}

/**
 * Checks heartbeats, for places without working locks (some shared folders of containers).
 * @throws AppError `busy`
 */
export function refuseInstances(file: string, database: Sqlite): void {
  const living = livingInstances(file, database, Date.now());
  if (living.length > 0) throw inUse(file, living);
}

function livingInstances(file: string, database: Sqlite, now: number): Instance[] {
  return allInstances(database).filter((instance) => seemsAlive(instance, now, file));
}

export const allInstances = (database: Sqlite): Instance[] =>
  database
    .prepare(
      "SELECT id, host, pid, started_at AS startedAt, heartbeat_at AS heartbeatAt FROM instances",
    )
    .all() as Instance[];

function inUse(file: string, living: readonly Instance[] = []): AppError {
  const who = living.length > 0 ? ` (${living.map(({ pid }) => `process ${pid}`).join(", ")})` : "";
  return new AppError("busy", `${file}: another process is using it${who}.`, {
    hint:
      "Stop every Holdfast on this data folder first; one that was killed in another container counts as gone " +
      "after 30 seconds.",
  });
}

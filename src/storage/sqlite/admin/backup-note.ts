// When a backup was last made, for the doctor: in the audit of the database that was copied.
import type { Sqlite } from "../engine/connection.ts";

const ACTION = "backup made";

/** Not where the database may only be read, is of a version without an audit, or is on a full disk: the backup is made. */
export function noteBackup(database: Sqlite, file: string): void {
  try {
    database
      .prepare("INSERT INTO audit (at, principal, action, subject) VALUES (?, 'local', ?, ?)")
      .run(Date.now(), ACTION, file);
  } catch {
    // Whoever looks for it is told that there is none that is known.
  }
}

/** Undefined where none is known, such as in a database that was restored from one. */
export const lastBackup = (database: Sqlite): { at: number; file: string } | undefined =>
  database
    .prepare("SELECT at, subject AS file FROM audit WHERE action = ? ORDER BY id DESC LIMIT 1")
    .get(ACTION) as { at: number; file: string } | undefined;

// The time of the last backup, for the doctor. The entry is in the audit of the database that was copied.
import type { Sqlite } from "../engine/connection.ts";

const ACTION = "backup made";

/**
 * Records a backup. Skipped for a read-only database, one without an audit, or a full disk: the backup itself exists.
 */
export function noteBackup(database: Sqlite, file: string): void {
  try {
    database
      .prepare("INSERT INTO audit (at, principal, action, subject) VALUES (?, 'local', ?, ?)")
      .run(Date.now(), ACTION, file);
  } catch {
    // The doctor then reports that no backup is known.
  }
}

/** The last backup; undefined when unknown, such as in a restored database. */
export const lastBackup = (database: Sqlite): { at: number; file: string } | undefined =>
  database
    .prepare("SELECT at, subject AS file FROM audit WHERE action = ? ORDER BY id DESC LIMIT 1")
    .get(ACTION) as { at: number; file: string } | undefined;

// A consistent copy of a database, made while other processes write to it.
import { AppError } from "../../../lib/errors.ts";
import { commandLine } from "../../../lib/text/command-line.ts";
import { HIDDEN } from "../../shared/expiry.ts";
import type { Sqlite } from "../engine/connection.ts";
import { openExisting } from "../engine/connection.ts";

/** Pages per step: 4 MB with the usual pages take a few milliseconds, then progress is reported. */
const STEP_PAGES = 1_000;

export interface CopyOptions {
  /** `done` is between 0 and 1. */
  onProgress?: ((done: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Copies page by page into `target`, an empty file. SQLite's backup restarts after every commit of another process,
 * and beside a busy writer it never ends. Here one read transaction keeps the state of one moment. Writers are not
 * held up; only their log is not folded in meanwhile.
 */
export async function copyDatabase(
  source: Sqlite,
  target: string,
  { onProgress, signal }: CopyOptions = {},
): Promise<void> {
  source.exec("BEGIN");
  try {
    source.prepare("SELECT count(*) FROM sqlite_schema").get(); // begins the read transaction
    await source.backup(target, {
      progress({ totalPages, remainingPages }) {
        if (signal?.aborted) throw new AppError("busy", "It was stopped: nothing was written.");
        onProgress?.(totalPages === 0 ? 1 : 1 - remainingPages / totalPages);
        return STEP_PAGES;
      },
    });
  } finally {
    if (source.inTransaction) source.exec("COMMIT");
  }
}

/**
 * Rewrites a copy into `target`, an empty file, without any deleted content. Free pages keep deleted content until
 * reuse, and the full-text index until a merge.
 */
export function packCopy(file: string, target: string): void {
  const copy = openExisting(file);
  try {
    for (const index of fullTextIndexes(copy))
      copy.exec(`INSERT INTO ${index}(${index}) VALUES ('optimize')`);
    copy.prepare("VACUUM INTO ?").run(target); // an empty file keeps its mode
  } finally {
    copy.close();
  }
}

/** Those that the database has: one of an earlier version has fewer. */
export const fullTextIndexes = (database: Sqlite): string[] =>
  database
    .prepare<[], string>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%fts5%'",
    )
    .pluck()
    .all();

/** The counts of a copy's rows. */
export interface Contents {
  sessions: number;
  messages: number;
}

/**
 * Turns an unused database into one plain file without a log, checks it, removes its instances and counts its rows.
 * `thorough` also compares indexes with their tables. `usedAt` sets the last activity of all sessions.
 * @throws AppError `storage` when the file is damaged or is no database
 */
export function finishCopy(
  file: string,
  { thorough = false, usedAt }: { thorough?: boolean; usedAt?: number } = {},
): Contents {
  const copy = openExisting(file);
  try {
    copy.pragma("journal_mode = DELETE");
    const check = thorough ? "integrity_check(1)" : "quick_check(1)";
    const found = copy.pragma(check, { simple: true });
    if (found !== "ok") {
      const what = String(found).split("\n").at(-1); // the schema's name stands in the lines above
      throw new AppError("storage", `The copy is damaged: ${what}.`, {
        hint: `${commandLine("doctor")} says more about the database.`,
      });
    }
    forgetProcesses(copy);
    copy.prepare("DELETE FROM sessions WHERE last_active_at = ?").run(HIDDEN); // deleted, or half imported
    if (usedAt !== undefined) noteUse(copy, usedAt);
    return countContents(copy);
  } finally {
    copy.close();
  }
}

/**
 * Deletes the instances of a copy: a copied heartbeat is fresh, and its process id means nothing elsewhere. Open work
 * ends as after a crash: questions are interrupted here, calls at the next start.
 */
function forgetProcesses(copy: Sqlite): void {
  copy.exec(`BEGIN;
    UPDATE messages SET status = 'interrupted'
      WHERE status = 'pending' AND id IN (SELECT message_id FROM turns);
    DELETE FROM turns;
    DELETE FROM instances;
    COMMIT`);
}

/** Sets last activity, a millisecond apart to keep the order. A half imported session stays hidden. */
function noteUse(copy: Sqlite, at: number): void {
  copy
    .prepare(
      `UPDATE sessions SET last_active_at = ranked.at
        FROM (SELECT id, ? - row_number() OVER (ORDER BY last_active_at DESC, id DESC) + 1 AS at
          FROM sessions WHERE last_active_at > 0) AS ranked
        WHERE ranked.id = sessions.id`,
    )
    .run(at);
  copy
    .prepare(
      `UPDATE clients SET last_seen_at = ?
        WHERE ended_at IS NULL AND last_seen_at > 0 AND last_seen_at <> created_at`,
    )
    .run(at);
}

export function countContents(sqlite: Sqlite): Contents {
  const count = (table: string): number =>
    sqlite.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
  return { sessions: count("sessions"), messages: count("messages") };
}

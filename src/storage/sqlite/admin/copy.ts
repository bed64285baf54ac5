// A consistent copy of a database, while other processes go on writing to it.
import { AppError } from "../../../lib/errors.ts";
import type { Sqlite } from "../engine/connection.ts";
import { HIDDEN } from "../engine/engine.ts";
import { openExisting } from "../engine/connection.ts";

/** 4 MB with the usual pages: a step takes a few milliseconds, then the progress can be shown. */
const STEP_PAGES = 1_000;

export interface CopyOptions {
  /** `done` from 0 to 1. */
  onProgress?: ((done: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Copies page by page into `target`, an empty file. SQLite's backup begins again whenever another process has
 * committed between two steps, and beside a busy writer it never ends. Here it reads inside one read transaction,
 * so it copies the state of one moment; writers are not held up, only their log is not folded in meanwhile.
 */
export async function copyDatabase(
  source: Sqlite,
  target: string,
  { onProgress, signal }: CopyOptions = {},
): Promise<void> {
  source.exec("BEGIN");
  try {
    source.prepare("SELECT count(*) FROM sqlite_schema").get(); // the moment
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
 * Writes a copy anew into `target`, an empty file, with nothing in it of what was deleted: free pages hold that on to until
 * they are used again, and the full-text index until it is merged.
 */
export function packCopy(file: string, target: string): void {
  const copy = openExisting(file);
  try {
    copy.exec("INSERT INTO messages_fts(messages_fts) VALUES ('optimize')");
    copy.prepare("VACUUM INTO ?").run(target); // an empty file keeps its mode
  } finally {
    copy.close();
  }
}

/** What a copy holds. */
export interface Contents {
  sessions: number;
  messages: number;
}

/**
 * Makes one plain file of a database that nobody else uses, without a log beside it, checks it, takes the processes out
 * of it and counts what is in it.
 * `thorough`: compares indexes with their tables too. `usedAt`: counts as a use of all that is in it, at that time.
 * @throws AppError `storage` when it is damaged or is no database
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
      const what = String(found).split("\n").at(-1); // above it is the name of the schema
      throw new AppError("storage", `The copy is damaged: ${what}.`, {
        hint: "holdfast doctor says more about the database.",
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
 * No process works on a copy, so none may seem to: elsewhere its id says nothing, and its last heartbeat is fresh. What
 * one had open ends as after a crash: a question is interrupted here, calls are ended by the next start.
 */
function forgetProcesses(copy: Sqlite): void {
  copy.exec(`BEGIN;
    UPDATE messages SET status = 'interrupted'
      WHERE status = 'pending' AND id IN (SELECT message_id FROM turns);
    DELETE FROM turns;
    DELETE FROM instances;
    COMMIT`);
}

/** Milliseconds apart, the sessions keep their order. One that is only half imported is not there yet. */
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

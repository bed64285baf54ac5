// Copies everything from one engine to the other, compares what has arrived with what was sent, and leaves the source as it is.
import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { AppError } from "../../lib/errors.ts";
import { type End, type Row, type Table, TABLES, type Target } from "./tables.ts";

export interface Moved {
  from: string;
  to: string;
  rows: number;
  sessions: number;
  messages: number;
}

/**
 * `onProgress` takes the part that is done, from 0 to 1. Nothing stays in the target after an error.
 * @throws AppError `storage` if what arrived is not what was sent; `interrupted` when the signal aborts
 */
export async function move(
  source: End,
  target: Target,
  { onProgress, signal }: { onProgress?: (done: number) => void; signal?: AbortSignal } = {},
): Promise<Moved> {
  const counts = new Map<string, number>();
  for (const table of TABLES) counts.set(table.name, await source.count(table));
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  let done = 0;
  const step = async (rows: number): Promise<void> => {
    await nextTurn(); // SQLite answers without one, and a signal would not be heard
    if (signal?.aborted)
      throw new AppError("interrupted", "The move was stopped: nothing was stored.");
    done += rows;
    onProgress?.(total === 0 ? 1 : done / (2 * total));
  };
  const digests = new Map<string, string>();
  for (const table of TABLES) digests.set(table.name, await copy(source, target, table, step));
  for (const table of TABLES) {
    const columns = await sharedColumns(source, target, table);
    const arrived = await digestOf(target, { table, columns }, (page) => step(page.length));
    if (arrived !== digests.get(table.name))
      throw new AppError("storage", `The table ${table.name} did not arrive as it was sent.`, {
        hint: "Nothing was stored. Try again with nothing else on the target.",
      });
  }
  await target.commit();
  return {
    ...{ from: source.place, to: target.place, rows: total },
    sessions: counts.get("sessions") ?? 0,
    messages: counts.get("messages") ?? 0,
  };
}

/** Columns of both ends: an engine may have one that it derives from others. */
async function sharedColumns(source: End, target: End, table: Table): Promise<string[]> {
  const theirs = new Set(await target.columns(table));
  return (await source.columns(table)).filter((column) => theirs.has(column)).toSorted();
}

/** Returns a digest of the rows that were sent. */
async function copy(
  source: End,
  target: Target,
  table: Table,
  step: (rows: number) => Promise<void>,
): Promise<string> {
  const columns = await sharedColumns(source, target, table);
  return digestOf(source, { table, columns }, async (page) => {
    await target.insert(table, columns, page);
    await step(page.length);
  });
}

/** `onPage` gets each page of the rows, in order. */
async function digestOf(
  end: End,
  { table, columns }: { table: Table; columns: readonly string[] },
  onPage: (page: Row[]) => Promise<void>,
): Promise<string> {
  const hash = createHash("sha256");
  for await (const page of end.rows(table, columns)) {
    await onPage(page);
    for (const row of page) hash.update(textOf(row, columns));
  }
  return hash.digest("hex");
}

const textOf = (row: Row, columns: readonly string[]): string =>
  `${JSON.stringify(
    columns.map((column) => {
      const value = row[column];
      return Buffer.isBuffer(value) ? { hex: value.toString("hex") } : value;
    }),
  )}\n`;

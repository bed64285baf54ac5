// Takes the words of deleted messages out of the full-text indexes. FTS5 only marks a deleted message, and could merge whole
// segments inside of a deletion's commit, for a second and more in a large index. `deletemerge` is off in the file
// (migrations/0030_index_merges.sql), so that these merges happen here, a few pages at a time.
import { sql } from "drizzle-orm";
import { isFull } from "../disk/ballast.ts";
import type { Engine } from "../engine/engine.ts";
import { BESIDE_CALLS, pauseAfter } from "../engine/expiring.ts";

/** Pages that one step writes. */
const STEP_PAGES = 4;
/** Percentage of deleted messages in a level of the index above which it is merged. */
const ALLOWED = 10;
/** The same while more deletions follow. Merges read at most two pages for each that they write. */
const ALLOWED_MEANWHILE = 50;

const HALF_OF_THE_TIME = { rest: 1, restMs: 0 };

const INDEXES = ["messages_fts", "messages_fts_parts"];

export interface IndexMerge {
  /** Resolves when no more than a few deleted messages are left in the index, or a full disk has no room for merges. */
  merge(options?: { moreFollow?: boolean; signal?: AbortSignal | undefined }): Promise<void>;
}

export function sqliteIndexMerge(engine: Engine): IndexMerge {
  const { db } = engine;
  /** Literals, because a bound number is no integer for FTS5. */
  const order = (index: string, command: string, value: number) =>
    db.run(sql.raw(`insert into ${index}(${index}, rank) values ('${command}', ${value})`));
  const changes = (): number => db.get<{ n: number }>(sql`select total_changes() as n`).n;
  /** True if there was something to merge. */
  const stepIn = (index: string, percent: number): boolean => {
    order(index, "deletemerge", percent);
    const before = changes();
    order(index, "merge", STEP_PAGES);
    const merged = changes() - before > 1;
    order(index, "deletemerge", 0);
    return merged;
  };
  const step = (percent: number): boolean => INDEXES.some((index) => stepIn(index, percent));
  return {
    async merge({ moreFollow = false, signal } = {}) {
      for (let merged = true; merged && !signal?.aborted;) {
        let began = 0;
        merged = await engine
          .writeRelaxed(() => {
            began = performance.now();
            return step(moreFollow ? ALLOWED_MEANWHILE : ALLOWED);
          })
          .catch((error: unknown) => {
            if (isFull(error)) return false;
            throw error;
          });
        const pace = engine.isBusy ? BESIDE_CALLS : HALF_OF_THE_TIME;
        await pauseAfter(performance.now() - began, pace);
      }
    },
  };
}

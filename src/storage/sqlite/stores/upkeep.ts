// Maintenance that keeps the file small and its queries fast over years.
import type { Maintenance } from "../../../jobs/cleanup.ts";
import { isFull } from "../disk/ballast.ts";
import type { Room } from "../disk/room.ts";
import type { Sqlite } from "../engine/connection.ts";
import type { Engine } from "../engine/engine.ts";
import { inBatches } from "../engine/expiring.ts";
import type { IndexMerge } from "../search/index-merge.ts";

/** Free pages that stay in the file, because new data needs them again. */
const SPARE_PAGES = 1_024; // 4 MB
/** Part of the file that stays free, too: deleted data is often replaced by as much new data. */
const SPARE_PART = 0.1;

/**
 * Tables with fewer rows get no statistics. SQLite would go through all of such a table in place of an index, and does so until
 * they are made anew: an import, or a minute of calls, fills it meanwhile.
 */
const FEW_ROWS = 1_000;
/** `stat` begins with the number of rows; a partial index has fewer than its table. */
const FORGET_SMALL = `DELETE FROM sqlite_stat1 WHERE tbl IN (
  SELECT tbl FROM sqlite_stat1 GROUP BY tbl HAVING max(CAST(stat AS INTEGER)) < ?)`;

export function sqliteUpkeep(
  engine: Engine,
  sqlite: Sqlite,
  index: IndexMerge,
  room?: Room,
): Maintenance {
  const pragma = (name: string): number => sqlite.pragma(name, { simple: true }) as number;
  const surplus = (): number =>
    pragma("freelist_count") - Math.max(SPARE_PAGES, pragma("page_count") * SPARE_PART);
  /** Files of the first versions keep their free pages: changing that takes a VACUUM, which holds everybody up. */
  const canShrink = (): boolean => pragma("auto_vacuum") === 2 && surplus() > 0;
  const releasePages = (limit: number): number => {
    const before = pragma("freelist_count");
    const pages = Math.min(limit, Math.floor(surplus()));
    if (pages > 0) sqlite.pragma(`incremental_vacuum(${pages})`);
    return before - pragma("freelist_count");
  };
  const renewStatistics = (): void => {
    sqlite.pragma("optimize");
    const columns = sqlite.pragma("table_info(sqlite_stat1)") as unknown[];
    if (columns.length === 0) return; // there has never been anything to count
    const { changes } = sqlite.prepare(FORGET_SMALL).run(FEW_ROWS);
    if (changes > 0) sqlite.exec("ANALYZE sqlite_schema"); // reads what is left
  };
  return {
    async maintain(signal) {
      await index.merge({ signal });
      if (await engine.readNow(canShrink)) await inBatches(engine, releasePages, { signal });
      try {
        await engine.write(renewStatistics);
      } catch (error) {
        if (!isFull(error)) throw error; // statistics can wait for room; what the cleanup deleted is gone
      }
      room?.keep();
    },
  };
}

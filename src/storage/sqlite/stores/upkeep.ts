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
  return {
    async maintain(signal) {
      await index.merge({ signal });
      if (await engine.readNow(canShrink)) await inBatches(engine, releasePages, { signal });
      try {
        await engine.write(() => void sqlite.pragma("optimize"));
      } catch (error) {
        if (!isFull(error)) throw error; // statistics can wait for room; what the cleanup deleted is gone
      }
      room?.keep();
    },
  };
}

// Search in SQLite: the rows behind the shared search. SQLite's bm25() would count every message with the word first, which
// takes more than a second in a million messages.
import type { HistoryStore } from "../../../chat/store.ts";
import { searchMessages } from "../../search/message-search.ts";
import type { PartsFiller } from "../../search/parts-filler.ts";
import type { Engine } from "../engine/engine.ts";
import { fromSqlite } from "../engine/errors.ts";
import { searchRows } from "./search-rows.ts";

export function sqliteSearch(engine: Engine, parts?: PartsFiller): HistoryStore["search"] {
  const rows = searchRows(engine);
  return async (scope, query, options) => {
    try {
      await parts?.catchUp();
      const found = await searchMessages(rows, scope, query, options);
      return await engine.readDurable(() => found);
    } catch (error) {
      throw fromSqlite(error);
    }
  };
}

// The full-text index of messages, `messages_fts`. The index keeps positions of words and no text. Words are cut by
// search/words.ts, which SQLite cannot do, so the triggers that fill the index belong to this program's connections. Search
// does not find messages that another program has written. The trigger that empties the index is the file's own.
import type Database from "better-sqlite3";
import { partsOf } from "../../../search/parts.ts";
import { indexed } from "../../../search/words.ts";
import { ownerToken, sessionToken } from "../../search/tokens.ts";

/** Number of different words in a message after which the index's table in memory is renewed. */
const MANY_WORDS = 4_000;

/** Adds the SQL functions that migrations and triggers call. */
export function addSearchFunctions(sqlite: Database.Database): void {
  let renewing: NodeJS.Immediate | undefined;
  sqlite.function("search_text", { deterministic: true }, (text) => {
    const { words, different } = indexed(String(text));
    if (different > MANY_WORDS)
      renewing ??= setImmediate(() => {
        renewing = undefined;
        renewIndexMemory(sqlite);
      });
    return words;
  });
  sqlite.function("search_parts", { deterministic: true }, (text) =>
    [...partsOf(String(text))].join(" "),
  );
  sqlite.function(
    "parts_scope",
    { deterministic: true },
    (session, owner) => `@${sessionToken(String(session))} @${ownerToken(String(owner))}`,
  );
  sqlite.function(
    "search_scope",
    { deterministic: true },
    (session, owner) => `${sessionToken(String(session))} ${ownerToken(String(owner))}`,
  );
}

/**
 * FTS5 walks a table in memory at every commit. It grows with the different words of the largest row, and shrinks only
 * when the schema is read anew: until then one message would make everybody's messages several times dearer.
 */
function renewIndexMemory(sqlite: Database.Database): void {
  if (!sqlite.open || sqlite.inTransaction) return;
  try {
    sqlite.pragma("writable_schema = RESET");
  } catch {
    // A query is reading from the index: the next such message tries again.
  }
}

/** Adds the triggers that put this connection's messages into the index. */
export function keepSearchIndex(sqlite: Database.Database): void {
  sqlite.exec(`
    CREATE TEMP TRIGGER IF NOT EXISTS messages_fts_insert AFTER INSERT ON main.messages BEGIN
      INSERT INTO messages_fts(rowid, content, scope) VALUES (
        new.id,
        search_text(new.content),
        search_scope(new.session_id, (SELECT owner FROM sessions WHERE id = new.session_id)));
    END`);
}

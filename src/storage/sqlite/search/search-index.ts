// The full-text index of messages, `messages_fts`. It keeps no text, only where words are: cut in one way for every
// script (search/words.ts), which SQLite cannot do by itself. So the triggers that fill it belong to this program's own
// connections; what another program writes into `messages` is not found. The trigger that empties it is the file's own.
import type Database from "better-sqlite3";
import { indexed } from "../../../search/words.ts";

/** The column `scope` tells whose a message is, so that a search reads nobody else's part of the index. */
export const sessionToken = (id: string): string => `s${id.replaceAll("-", "")}0`;
/** In hexadecimal digits, because a name may be anything. No stem is cut off behind a digit. */
export const ownerToken = (owner: string): string => `o${Buffer.from(owner).toString("hex")}0`;

/** The index's table in memory is renewed after a message with more different words. */
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
    // It is being read from: the next such message tries again.
  }
}

/** From now on what this connection writes is found. */
export function keepSearchIndex(sqlite: Database.Database): void {
  sqlite.exec(`
    CREATE TEMP TRIGGER IF NOT EXISTS messages_fts_insert AFTER INSERT ON main.messages BEGIN
      INSERT INTO messages_fts(rowid, content, scope) VALUES (
        new.id,
        search_text(new.content),
        search_scope(new.session_id, (SELECT owner FROM sessions WHERE id = new.session_id)));
    END`);
}

// The full-text index of messages, `messages_fts`. It keeps no text, only where words are: cut in one way for every
// script (search/words.ts), which SQLite cannot do by itself. So the triggers that fill it belong to this program's own
// connections; what another program writes into `messages` is not found. The trigger that empties it is the file's own.
import type Database from "better-sqlite3";
import { indexed } from "../../search/words.ts";

/** The column `scope` tells whose a message is, so that a search reads nobody else's part of the index. */
export const sessionToken = (id: string): string => `s${id.replaceAll("-", "")}0`;
/** In hexadecimal digits, because a name may be anything. No stem is cut off behind a digit. */
export const ownerToken = (owner: string): string => `o${Buffer.from(owner).toString("hex")}0`;

/** What the migrations and the triggers call. */
export function addSearchFunctions(sqlite: Database.Database): void {
  sqlite.function("search_text", { deterministic: true }, (text) => indexed(String(text)));
  sqlite.function(
    "search_scope",
    { deterministic: true },
    (session, owner) => `${sessionToken(String(session))} ${ownerToken(String(owner))}`,
  );
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

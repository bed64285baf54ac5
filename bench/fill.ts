// Makes large data folders, by SQL.
import { systemClock } from "../src/lib/clock.ts";
import { databaseFile } from "../src/storage/admin.ts";
import { openStorage } from "../src/storage/open.ts";
import { openConnection } from "../src/storage/sqlite/engine/connection.ts";
import { keepSearchIndex } from "../src/storage/sqlite/search/search-index.ts";

const UUID = `lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' ||
  substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))`;

export interface Fill {
  sessions: number;
  messagesEach: number;
  /** Milliseconds since the last use of all sessions. */
  age?: number;
  /** Text of a session's n-th message. */
  text?: (n: number) => string;
}

const sameText = (n: number): string => `message number ${n} about kelp`;

/** Add sessions to the database of a folder, each with a client, a key of state and messages. Resolves to their ids. */
export async function fill(
  folder: string,
  { sessions, messagesEach, age = 0, text = sameText }: Fill,
): Promise<string[]> {
  const expiry = { maxAgeMs: Infinity };
  await (await openStorage({ folder, durability: "normal", clock: systemClock, expiry })).close();
  const database = openConnection(databaseFile(folder));
  keepSearchIndex(database);
  database.pragma("synchronous = OFF");
  database.function("bench_text", (n) => text(n as number));
  const last = database
    .prepare("SELECT coalesce(max(rowid), 0) FROM sessions")
    .pluck()
    .get() as number;
  const made = `(SELECT * FROM sessions WHERE rowid > ${last})`;
  const then = Date.now() - age;
  const numbers = (name: string, count: number): string =>
    `WITH RECURSIVE ${name}(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM ${name} WHERE i < ${count})`;
  database.exec(`
    BEGIN;
    ${numbers("n", sessions)} INSERT INTO sessions (id, owner, title, created_at, last_active_at)
      SELECT ${UUID}, 'local', 'Session ' || i, ${then} - i, ${then} - i FROM n;
    INSERT INTO clients (id, owner, session_id, name, version, protocol_version, capabilities, initialize, created_at, last_seen_at)
      SELECT ${UUID}, 'local', id, 'bench', '1', '2025-11-25', '{}', '{}', ${then}, ${then} FROM ${made};
    INSERT INTO session_state (session_id, key, value, version, updated_at)
      SELECT id, 'fact', '"a value"', 1, ${then} FROM ${made};
    ${numbers("m", messagesEach)} INSERT INTO messages (session_id, seq, role, content, status, created_at)
      SELECT s.id, m.i, iif(m.i % 2, 'user', 'assistant'), bench_text(m.i), 'complete', ${then}
      FROM ${made} s, m;
    COMMIT;`);
  database.pragma("wal_checkpoint(TRUNCATE)");
  const ids = database.prepare(`SELECT id FROM ${made}`).pluck().all() as string[];
  database.close();
  return ids;
}

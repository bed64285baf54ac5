// Inspection of a database without changing it, also beside a running server.
import { seemsAlive } from "../../../instances/liveness.ts";
import type { Instance } from "../../../instances/store.ts";
import { AppError } from "../../../lib/errors.ts";
import { openExisting, type Sqlite } from "../engine/connection.ts";
import { fromSqlite } from "../engine/errors.ts";
import { expectOurs } from "../engine/identity.ts";
import { appliedVersion, refuseNewer } from "../schema/migrate.ts";
import { migrations } from "../schema/migrations.ts";
import { addSearchFunctions } from "../search/search-index.ts";
import { lastBackup } from "./backup-note.ts";
import { allInstances } from "./claim.ts";
import { type Contents, countContents, fullTextIndexes } from "./copy.ts";

export interface Inspection {
  contents: Contents;
  sqliteVersion: string;
  /** Number of applied migrations, and of those that this program has. */
  migrations: { applied: number; known: number };
  journalMode: string;
  /** Faults that SQLite finds in the file; empty if there are none. */
  damage: string[];
  /** Number of rows that reference missing rows. */
  brokenReferences: number;
  /** Number of messages missing in the full-text index. */
  unindexed: number;
  /** Free space inside the file in bytes, and whether it can be returned to the disk. */
  freeSpace: { bytes: number; canShrink: boolean };
  /** Numbers of valid and of revoked or expired API keys, and of passkeys that can sign in. */
  keys: { valid: number; spent: number; passkeys: number };
  living: Instance[];
  dead: Instance[];
  /** Number of calls and chat turns without a live process. */
  abandoned: number;
  /** The last backup by `holdfast backup`. */
  backup: { at: number; file: string } | undefined;
  /** The latest time in any row. */
  latest: number;
}

/**
 * Checks for damage first, because other queries may fail on a damaged file.
 * @throws AppError for a file that is no database of Holdfast, or is newer than this program
 */
export function inspect(file: string, now: number): Inspection | { damage: string[] } {
  const database = openExisting(file);
  try {
    const damage = (
      database.pragma("integrity_check(10)") as { integrity_check: string }[]
    ).flatMap(({ integrity_check: found }) => (found === "ok" ? [] : found.split("\n")));
    if (damage.length > 0) return { damage };
    expectOurs(database);
    refuseNewer(database, appliedVersion(database));
    return facts(database, file, now);
  } catch (error) {
    const known = fromSqlite(error);
    if (known instanceof AppError && known.code === "storage") return { damage: [known.message] };
    throw known;
  } finally {
    database.close();
  }
}

function facts(database: Sqlite, file: string, now: number): Inspection {
  const one = (query: string): number => database.prepare(query).pluck().get() as number;
  const pragma = (name: string): unknown => database.pragma(name, { simple: true });
  const has = (table: string): boolean =>
    one(`SELECT count(*) FROM sqlite_schema WHERE name = '${table}'`) > 0;
  const all = allInstances(database);
  const living = all.filter((instance) => seemsAlive(instance, now, file));
  const ids = JSON.stringify(living.map(({ id }) => id));
  const abandoned = ["turns", "open_requests"]
    .filter(has)
    .map(
      (table) =>
        database
          .prepare(
            `SELECT count(*) FROM ${table} WHERE instance_id NOT IN (SELECT value FROM json_each(?))`,
          )
          .pluck()
          .get(ids) as number,
    );
  return {
    contents: countContents(database),
    sqliteVersion: database.prepare("SELECT sqlite_version()").pluck().get() as string,
    migrations: {
      applied: one("SELECT count(*) FROM __drizzle_migrations"),
      known: migrations.length,
    },
    journalMode: String(pragma("journal_mode")),
    damage: [],
    brokenReferences: (database.pragma("foreign_key_check") as unknown[]).length,
    unindexed: has("messages_fts_docsize")
      ? one(`SELECT count(*) FROM messages WHERE ${UNINDEXED}`)
      : 0,
    freeSpace: {
      bytes: (pragma("freelist_count") as number) * (pragma("page_size") as number),
      canShrink: pragma("auto_vacuum") === 2,
    },
    keys: {
      ...(has("api_keys") ? countKeys(database, now) : { valid: 0, spent: 0 }),
      passkeys: has("passkeys") ? countPasskeys(database, now) : 0,
    },
    backup: has("audit") ? lastBackup(database) : undefined,
    living,
    dead: all.filter((instance) => !living.includes(instance)),
    abandoned: abandoned.reduce((sum, count) => sum + count, 0),
    latest: one(`SELECT max(coalesce((SELECT max(last_active_at) FROM sessions), 0),
      coalesce((SELECT created_at FROM messages ORDER BY id DESC LIMIT 1), 0),
      coalesce((SELECT max(last_seen_at) FROM clients), 0))`),
  };
}

const countKeys = (database: Sqlite, now: number): Omit<Inspection["keys"], "passkeys"> =>
  database
    .prepare(
      `SELECT count(*) FILTER (WHERE valid) AS valid, count(*) FILTER (WHERE NOT valid) AS spent
        FROM (SELECT revoked_at IS NULL AND coalesce(expires_at > ?, 1) AS valid FROM api_keys)`,
    )
    .get(now) as Omit<Inspection["keys"], "passkeys">;

const countPasskeys = (database: Sqlite, now: number): number =>
  database
    .prepare(
      `SELECT count(*) FROM passkeys WHERE key_id IS NULL OR key_id IN
        (SELECT id FROM api_keys WHERE revoked_at IS NULL AND coalesce(expires_at > ?, 1))`,
    )
    .pluck()
    .get(now) as number;

/** Messages missing in the full-text index, because another program has written them. */
const UNINDEXED = "id NOT IN (SELECT id FROM messages_fts_docsize)";

/** Adds the missing messages to the index and returns their number. */
export function indexMessages(file: string): number {
  const database = openExisting(file);
  try {
    addSearchFunctions(database);
    if (fullTextIndexes(database).includes("messages_fts_parts"))
      database.exec(`INSERT INTO messages_fts_parts(rowid, tokens)
      SELECT m.id, search_parts(m.content) || ' ' || parts_scope(m.session_id, s.owner)
      FROM messages m JOIN sessions s ON s.id = m.session_id WHERE m.${UNINDEXED}
        AND m.id NOT IN (SELECT id FROM messages_fts_parts_docsize)`);
    return database
      .prepare(
        `INSERT INTO messages_fts(rowid, content, scope)
          SELECT id, search_text(content), search_scope(session_id,
            (SELECT owner FROM sessions WHERE sessions.id = session_id))
          FROM messages WHERE ${UNINDEXED}`,
      )
      .run().changes;
  } finally {
    database.close();
  }
}

/** Folds the write-ahead log into the file; false while another connection reads from the log. */
export function foldLog(file: string): boolean {
  const database = openExisting(file);
  try {
    const [result] = database.pragma("wal_checkpoint(TRUNCATE)") as { busy: number }[];
    return result?.busy === 0;
  } finally {
    database.close();
  }
}

// Databases of commits whose migrations were changed afterwards, and those that somebody else has changed.
import { expect, it, onTestFinished } from "vitest";
import { databaseFile } from "../../src/storage/admin.ts";
import { MEMORY, openConnection, type Sqlite } from "../../src/storage/sqlite/engine/connection.ts";
import { appliedVersion, migrate } from "../../src/storage/sqlite/schema/migrate.ts";
import { migrations } from "../../src/storage/sqlite/schema/migrations.ts";
import { temporaryFolder } from "../support/folder.ts";
import { run } from "../support/process.ts";

function atLevel(level: number, file = MEMORY): Sqlite {
  const sqlite = openConnection(file);
  onTestFinished(() => void sqlite.close());
  migrate(sqlite, migrations.slice(0, level), []);
  return sqlite;
}

/** Its third migration is of another time, and without what came into it later. */
function ofTheFirstDay(at: number, later: RegExp): Sqlite {
  const sqlite = atLevel(2);
  for (const statement of migrations[2]!.statements)
    if (!later.test(statement)) sqlite.exec(statement);
  const record = "INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('', ?)";
  sqlite.prepare(record).run(at);
  return sqlite;
}

function without(level: number, ...triggers: readonly string[]): Sqlite {
  const sqlite = atLevel(level);
  for (const trigger of triggers) sqlite.exec(`DROP TRIGGER ${trigger}`);
  return sqlite;
}

const schemaOf = (sqlite: Sqlite): unknown[] =>
  sqlite
    .prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")
    .raw()
    .all();

const DATABASES: [string, () => Sqlite][] = [
  [
    "with streams alone",
    () => ofTheFirstDay(1795335166448, /subscriptions|clients_session|present_until/),
  ],
  ["with subscriptions", () => ofTheFirstDay(1795336409442, /clients_session|present_until/)],
  ["whose accounts stay with the giver", () => without(7, "sessions_usage_owner")],
  [
    "whose index does not follow edits",
    () => without(9, "messages_fts_update", "messages_fts_owner"),
  ],
];

it.each(DATABASES)("a database %s becomes the same as any other", (_, make) => {
  const sqlite = make();
  sqlite.exec(`INSERT INTO sessions (id, owner, created_at, last_active_at) VALUES ('s', 'ada', 1, 9e15);
    INSERT INTO messages (session_id, seq, role, content, status, created_at)
    VALUES ('s', 1, 'user', 'of old', 'complete', 1)`);
  migrate(sqlite);
  expect(appliedVersion(sqlite)).toBe(migrations.at(-1)!.createdAt);
  expect(schemaOf(sqlite)).toEqual(schemaOf(atLevel(migrations.length)));
  expect(sqlite.prepare("SELECT content FROM messages").pluck().all()).toEqual(["of old"]);
});

it("a database that somebody else has changed is not upgraded: the error says why", async () => {
  const folder = temporaryFolder();
  const sqlite = atLevel(9, databaseFile(folder));
  sqlite.exec("DROP TRIGGER messages_fts_delete");
  const before = schemaOf(sqlite);
  const { code, stdout, stderr } = await run(["cleanup", "--data-dir", folder]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("cannot be upgraded: no such trigger: messages_fts_delete.");
  expect(stderr).not.toContain("    at ");
  expect(schemaOf(sqlite)).toEqual(before);
});

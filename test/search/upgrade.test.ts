// A database from before the index knew word forms and scripts without spaces: its messages are found after the upgrade.
import { afterEach, expect, it, vi } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import { databaseFile } from "../../src/storage/admin.ts";
import { openStorage } from "../../src/storage/open.ts";
import { openConnection } from "../../src/storage/sqlite/engine/connection.ts";
import { migrate } from "../../src/storage/sqlite/schema/migrate.ts";
import { migrations } from "../../src/storage/sqlite/schema/migrations.ts";
import { findDamage, openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";

afterEach(() => void vi.useRealTimers());

const TEXTS = ["She was running.", "我的猫叫小白", "Café", "gone", "Krankenversicherungskarte 🐧"];

it("carries the messages of an older version over, and forgets what is deleted from then on", async () => {
  const [folder, id] = [temporaryFolder(), newId()];
  const upgrade = migrations.findIndex(({ statements }) =>
    statements.some((statement) => statement.includes("search_text")),
  );
  const old = openConnection(databaseFile(folder));
  migrate(old, migrations.slice(0, upgrade));
  old
    .prepare(
      "INSERT INTO sessions (id, owner, name, title, system, pinned, created_at, last_active_at) VALUES (?, 'ana', NULL, NULL, NULL, 0, 1, 1)",
    )
    .run(id);
  const insert = old.prepare(
    `INSERT INTO messages (session_id, seq, role, content, status, created_at)
      VALUES (?, ?, 'user', ?, 'complete', 1)`,
  );
  for (const [i, text] of TEXTS.entries()) insert.run(id, i + 1, text);
  old.exec("DELETE FROM messages WHERE seq = 4");
  old.close();

  const open = () =>
    openStorage({
      ...{ folder, durability: "normal", clock: { now: () => 1_000, monotonic: () => 0 } },
      expiry: { maxAgeMs: Infinity },
    });
  // Two processes that come to it at the same time.
  const [one, two] = [await open(), await open()];
  const found = async (query: string): Promise<number[]> => {
    const options = { limit: 9, among: 9 };
    const [mine, all] = [
      await one.history.search({ session: id }, query, options),
      await two.history.search({ principal: "ana" }, query, options),
    ].map((hits) => hits.map(({ message }) => message.seq));
    expect(all).toEqual(mine);
    return mine!;
  };
  const seqs = {
    run: [1],
    猫: [2],
    叫小白: [2],
    cafe: [3],
    gone: [],
    versicherung: [5],
    "🐧": [5],
  };
  for (const [query, expected] of Object.entries(seqs))
    expect(await found(query)).toEqual(expected);
  await two.history.append(id, { role: "user", content: "小白 runs" });
  expect((await found("小白 run")).toSorted()).toEqual([1, 2, 6]);
  const database = openDatabase(folder, { readonly: false });
  database.exec("DELETE FROM messages WHERE seq = 2"); // as any SQL client does it
  expect(await found("小白")).toEqual([6]);
  expect(findDamage(database)).toEqual([]);
  await Promise.all([one.close(), two.close()]);
});

it("fills the second index anew where an older version has left out spellings of numbers", async () => {
  const [folder, id] = [temporaryFolder(), newId()];
  const open = () =>
    openStorage({
      ...{ folder, durability: "normal", clock: { now: () => 1_000, monotonic: () => 0 } },
      expiry: { maxAgeMs: Infinity },
    });
  const upgrade = migrations.findIndex(({ statements }) =>
    statements.some((statement) => statement.includes("'delete-all'")),
  );
  const old = openConnection(databaseFile(folder));
  migrate(old, migrations.slice(0, upgrade));
  old
    .prepare(
      "INSERT INTO sessions (id, owner, system, pinned, created_at, last_active_at) VALUES (?, 'ana', NULL, 0, 1, 1)",
    )
    .run(id);
  old
    .prepare(
      "INSERT INTO messages (session_id, seq, role, content, status, created_at) VALUES (?, 1, 'user', ?, 'complete', 1)",
    )
    .run(id, "ISBN 978-0-306-40615-7");
  old.exec(`INSERT INTO messages_fts(rowid, content, scope)
      SELECT id, search_text(content), search_scope(session_id, 'ana') FROM messages;
    INSERT INTO messages_fts_parts(rowid, tokens) SELECT id, parts_scope(session_id, 'ana') FROM messages;`);
  old.close();
  const storage = await open();
  const found = await storage.history.search({ session: id }, "9780306406157", {
    ...{ limit: 5, among: 5 },
  });
  expect(found.map(({ message }) => message.seq)).toEqual([1]);
  await storage.close();
  expect(findDamage(openDatabase(folder, { readonly: false }))).toEqual([]);
});

it("goes on to fill the second index behind the messages of a session that changes hands meanwhile", async () => {
  const folder = temporaryFolder();
  const [given, other] = [newId(), newId()];
  const old = openConnection(databaseFile(folder));
  migrate(old, migrations);
  for (const id of [given, other])
    old
      .prepare(
        "INSERT INTO sessions (id, owner, system, pinned, created_at, last_active_at) VALUES (?, 'ana', NULL, 0, 1, 1)",
      )
      .run(id);
  const insert = old.prepare(
    "INSERT INTO messages (session_id, seq, role, content, status, created_at) VALUES (?, ?, 'user', ?, 'complete', 1)",
  );
  insert.run(given, 1, "A frame of 800x600");
  insert.run(other, 1, "A frame of 1600x1200");
  insert.run(other, 2, "A frame of 400x300");
  old.exec(`INSERT INTO messages_fts(rowid, content, scope)
      SELECT id, search_text(content), search_scope(session_id, 'ana') FROM messages;
    INSERT INTO messages_fts_parts(rowid, tokens) SELECT id, search_parts(content) || ' ' || parts_scope(session_id, 'ana')
      FROM messages ORDER BY id DESC LIMIT 1;`);
  old.close();
  const storage = await openStorage({
    ...{ folder, durability: "normal", clock: { now: () => 1_000, monotonic: () => 0 } },
    expiry: { maxAgeMs: Infinity },
  });
  const found = async (owner: string, query: string): Promise<string[]> => {
    const hits = await storage.history.search({ principal: owner }, query, { limit: 5, among: 5 });
    return hits.map(({ session, message }) => `${session} ${message.seq}`);
  };
  await storage.sessions.give(given, "bob", 9);
  expect(await found("ana", "1200")).toEqual([`${other} 1`]);
  expect(await found("ana", "300")).toEqual([`${other} 2`]);
  expect(await found("bob", "600")).toEqual([`${given} 1`]);
  expect(await found("ana", "600")).toEqual([]);
  await storage.close();
  expect(findDamage(openDatabase(folder, { readonly: false }))).toEqual([]);
});

it("searches at once while an older version's messages are not in the second index yet", async () => {
  vi.useFakeTimers({ toFake: ["setInterval"] }); // nothing happens in the background
  const [folder, id] = [temporaryFolder(), newId()];
  const old = openConnection(databaseFile(folder));
  migrate(old, migrations);
  old
    .prepare(
      "INSERT INTO sessions (id, owner, system, pinned, created_at, last_active_at) VALUES (?, 'ana', NULL, 0, 1, 1)",
    )
    .run(id);
  const insert = old.prepare(
    "INSERT INTO messages (session_id, seq, role, content, status, created_at) VALUES (?, ?, 'user', ?, 'complete', 1)",
  );
  for (let seq = 1; seq <= 250; seq++) insert.run(id, seq, `A frame of ${1_000 + seq}x600`);
  old.exec(`INSERT INTO messages_fts(rowid, content, scope)
      SELECT id, search_text(content), search_scope(session_id, 'ana') FROM messages;`);
  old.close();
  const storage = await openStorage({
    ...{ folder, durability: "normal", clock: { now: () => 1_000, monotonic: () => 0 } },
    expiry: { maxAgeMs: Infinity },
  });
  const found = async (query: string): Promise<number[]> => {
    const hits = await storage.history.search({ session: id }, query, { limit: 5, among: 5 });
    return hits.map(({ message }) => message.seq);
  };
  expect(await found("1250")).toEqual([250]);
  expect(await found("1001")).toEqual([]);
  expect(await found("1001")).toEqual([1]);
  for (let seq = 251; seq <= 500; seq++)
    await storage.history.append(id, { role: "user", content: `A frame of ${1_000 + seq}x600` });
  expect(await found("1500")).toEqual([500]);
  await storage.close();
});

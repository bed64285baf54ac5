// What a caller is answered does not depend on how much others store and call, where that is no business of its own.
import { describe, expect, it } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import { databaseFile } from "../../src/storage/admin.ts";
import { openConnection } from "../../src/storage/sqlite/engine/connection.ts";
import { migrate } from "../../src/storage/sqlite/schema/migrate.ts";
import { migrations } from "../../src/storage/sqlite/schema/migrations.ts";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { type Person, serveWithKeys } from "../support/people.ts";
import { eventsOf, RawClient, rpc } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

describe("event ids", () => {
  /** Of a streamed call: what comes before the event's own number. */
  const streamOf = async ({ client }: Person): Promise<string> => {
    const call = rpc("tools/call", { name: "chat", arguments: { prompt: "Who?" } });
    return /^id: (\d+)\.0$/m.exec(await (await client!.post(call)).text())![1]!;
  };

  it("do not count the streams of everybody", async () => {
    const { person } = await serveWithKeys();
    const [ada, mallory] = [await person("ada", "2025"), await person("mallory", "2025")];
    const seen: number[] = [];
    for (let n = 0; n < 12; n++) {
      seen.push(Number(await streamOf(mallory)));
      await streamOf(ada);
    }
    expect(new Set(seen).size).toBe(12);
    expect(seen).not.toEqual(seen.toSorted((a, b) => a - b)); // by chance in one of 479 million runs
  });

  it("that an earlier version gave go on", async () => {
    const [folder, id] = [temporaryFolder(), newId()];
    const upgrade = migrations.findIndex(({ statements }) =>
      statements.some((statement) => statement.includes("`public_id`")),
    );
    const old = openConnection(databaseFile(folder));
    migrate(old, migrations.slice(0, upgrade));
    const now = Date.now();
    old.exec(`
      INSERT INTO clients (id, owner, name, version, protocol_version, capabilities, initialize, created_at, last_seen_at)
        VALUES ('${id}', 'local', 'c', '1', '2025-11-25', '{}', '${JSON.stringify(INTRODUCTION)}', ${now}, ${now});
      INSERT INTO streams (id, client_id, kind, created_at, touched_at, finished_at)
        VALUES (17, '${id}', 'request', ${now}, ${now}, ${now}), (18, '${id}', 'request', ${now}, ${now}, ${now});
      INSERT INTO stream_events VALUES (17, 1, '{"n":1}', ${now}), (17, 2, '{"n":2}', ${now}), (18, 1, '{"n":3}', ${now});`);
    old.close();
    const { url } = await serveHere({ folder });
    const client = new RawClient(url, id, "2025-11-25");
    const resumed = await fetch(url, {
      headers: { ...client.headers, accept: "text/event-stream", "last-event-id": "17.1" },
    });
    const text = await resumed.text();
    expect(eventsOf(text)).toEqual([{ n: 2 }]);
    expect(text).toMatch(/^id: 17\.2$/m);
  });
});

describe("a search in all sessions", () => {
  it("orders and scores by what its caller has, however much others store", async () => {
    const { folder, person } = await serveWithKeys();
    const ada = await person("ada");
    const say = (content: string) => ada.call("history_append", { role: "user", content });
    for (let n = 0; n < 10; n++) await say(`otter ${"otter ".repeat(n)}`);
    for (let n = 0; n < 10; n++) await say("nothing of the kind");
    await say(`kelp ${"and much else that is not looked for ".repeat(3)}`);
    const search = async () =>
      (await ada.call("history_search", { query: "otter kelp", scope: "all" })).data["hits"];
    const before = await search();
    expect(before[0].snippet).toContain("kelp"); // the rare word counts more
    openDatabase(folder, { readonly: false }).exec(
      "UPDATE sqlite_sequence SET seq = 100000 WHERE name = 'messages'",
    );
    const mallory = await person("mallory");
    await mallory.call("history_append", { role: "user", content: "one of 100,000" });
    expect(rows(folder, "SELECT max(id) AS id FROM messages")).toEqual([{ id: 100_001 }]);
    expect(await search()).toEqual(before);
  });
});

const INTRODUCTION = {
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "c", version: "1" },
  },
};

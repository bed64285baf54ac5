// Small requests that make much work, and large ones: none of them holds up everybody else.
import { copyFileSync } from "node:fs";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Principal } from "../../src/auth/principal.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { newId } from "../../src/lib/ids.ts";
import { indexed } from "../../src/search/words.ts";
import { databaseFile } from "../../src/storage/admin.ts";
import { openStorage } from "../../src/storage/open.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { UpdateNotifier } from "../../src/updates/notifier.ts";
import { bearer } from "../support/bearer.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveWithKeys, speak } from "../support/people.ts";
import { codeOf } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

const different = (count: number, word = "w"): string =>
  Array.from({ length: count }, (_, i) => word + i.toString(36)).join(" ");

describe("what the full-text index is given", () => {
  it.each([
    ["Latin", different(150_000)],
    ["accented", different(60_000, "é")],
    [
      "Han",
      String.fromCharCode(
        ...Array.from({ length: 60_000 }, (_, i) => 0x4e00 + ((i * 7919) % 20_000)),
      ),
    ],
  ])("of a %s text is bounded in different words", (_script, text) => {
    const { words } = indexed(text);
    expect(new Set(words.split(" ")).size).toBeLessThan(17_000);
  });

  it("of a long text in ordinary words is all of it", () => {
    const text = "all the words of an ordinary text ".repeat(20_000) + "end";
    expect(indexed(text).words).toBe(text);
    expect(indexed(`ü ${text}`).words.split(" ").at(-1)).toBe("end");
  });

  it("is found after a message with very many words has come in", async () => {
    const { person } = await serveWithKeys();
    const ana = await person("ana");
    const say = (content: string) => ana.call("history_append", { role: "user", content });
    await say("kelp");
    await say(different(100_000));
    await new Promise((resolve) => setImmediate(resolve)); // the index's memory is renewed
    await say("kelp forest");
    const { hits } = (await ana.call("history_search", { query: "kelp" })).data;
    expect((hits as { seq: number }[]).map(({ seq }) => seq).toSorted()).toEqual([1, 3]);
    expect((await ana.call("history_search", { query: "w1z" })).data["hits"]).toHaveLength(1);
  });
});

describe("a large session", () => {
  const open = async (folder: string) => {
    const storage = await openStorage({
      ...{ folder, durability: "normal", clock: systemClock, expiry: {} },
    });
    onTestFinished(() => storage.close());
    return storage;
  };
  const SAID = { role: "user", content: "x" } as const;
  const fill = async ({ sessions, history }: Storage, name: string): Promise<string> => {
    const { id } = (await sessions.create({ id: newId(), owner: "ana", name })).session;
    await Promise.all(Array.from({ length: 1_600 }, () => history.append(id, SAID)));
    return id;
  };

  it("is empty as soon as it is cleared; its rows go afterwards, and its numbers begin anew", async () => {
    const folder = temporaryFolder();
    const storage = await open(folder);
    const id = await fill(storage, "work");
    const left = () => rows(folder, "SELECT count(*) AS n FROM messages")[0]!["n"];
    await storage.sessions.clear(id, "history");
    expect(left()).toBeGreaterThan(1_000);
    expect((await storage.history.page(id, { limit: 1 })).messages).toEqual([]);
    expect(rows(folder, "SELECT * FROM conversation")).toEqual([]);
    expect(rows(folder, "SELECT messages FROM session_overview")).toEqual([{ messages: 0 }]);
    await storage.sessions.purged();
    expect(left()).toBe(0);
    expect(await storage.history.append(id, SAID)).toMatchObject({ seq: 1 });
  });

  it.each(["cleared", "deleted"])("that is %s leaves nothing in the search index", async (how) => {
    const folder = temporaryFolder();
    const storage = await open(folder);
    const index = () =>
      rows(folder, "SELECT sum(length(block)) AS bytes FROM messages_fts_data")[0]!["bytes"];
    const id = await fill(storage, "work");
    expect(index()).toBeGreaterThan(5_000);
    if (how === "cleared") await storage.sessions.clear(id, "history");
    else await storage.sessions.delete(id);
    await storage.sessions.purged();
    expect(index()).toBeLessThan(100);
  });

  it("has merges of its index in steps of their own, never inside of a deletion", async () => {
    const folder = temporaryFolder();
    const storage = await open(folder);
    const id = await fill(storage, "work");
    const limit = "SELECT v FROM messages_fts_config WHERE k = 'deletemerge'";
    expect(rows(folder, limit)).toEqual([{ v: 0 }]);
    await storage.sessions.clear(id, "history");
    await storage.sessions.purged();
    expect(rows(folder, limit)).toEqual([{ v: 0 }]);
  });

  it("that is deleted is not there any more at once, for anybody; its rows go afterwards", async () => {
    const [folder, copy] = [temporaryFolder(), temporaryFolder()];
    const storage = await open(folder);
    const { sessions } = storage;
    const ana: Principal = { id: "ana" };
    const id = await fill(storage, "work");
    await sessions.grant(id, { principal: "bob", access: "read" }, 9);
    await sessions.delete(id);
    for (const part of ["", "-wal"])
      copyFileSync(`${databaseFile(folder)}${part}`, `${databaseFile(copy)}${part}`);
    expect(await sessions.findById(id)).toBeUndefined();
    expect(await sessions.findByName("ana", "work")).toBeUndefined();
    expect((await sessions.list("ana", { limit: 9 })).sessions).toEqual([]);
    expect(await sessions.granted(id, "bob")).toBeUndefined();
    await expect(storage.history.append(id, { ...SAID, by: ana })).rejects.toMatchObject({
      code: "not_found",
    });
    await sessions.touch(new Map([[id, systemClock.now()]]));
    expect(await sessions.findById(id)).toBeUndefined();
    // The id of a client's own session comes again, and begins anew.
    await sessions.create({ id, owner: "ana", name: "work" });
    expect(await storage.history.append(id, SAID)).toMatchObject({ seq: 1 });

    // A process that was killed at that moment: the next one goes on.
    const again = await open(copy);
    const left = () => rows(copy, "SELECT id FROM messages").length;
    expect(left()).toBe(1_600);
    expect(await again.sessions.findById(id)).toBeUndefined();
    expect(await again.sessions.deleteExpired()).toBe(1);
    expect(left()).toBe(0);
  });
});

it("whoever makes a change with very many subscribers waits for few of them, and all are told once", async () => {
  const folder = temporaryFolder();
  const storage = await openStorage({
    ...{ folder, durability: "normal", clock: systemClock, expiry: {} },
  });
  onTestFinished(() => storage.close());
  const { session } = await storage.sessions.create({ id: newId(), owner: "ana" });
  const uri = `holdfast://sessions/${session.id}/state/k`;
  const now = Date.now();
  const ids = Array.from({ length: 130 }, newId);
  for (const id of ids) {
    await storage.clients.create({
      ...{ id, owner: "ana", credentials: "none", scope: null, ownSessionId: newId() },
      ...{ sessionId: null, name: "n", version: "1", protocolVersion: "2025-11-25" },
      ...{ capabilities: {}, initialize: {}, logLevel: null, endedAt: null },
      ...{ createdAt: now, lastSeenAt: now, presentUntil: 0 },
    });
    await storage.subscriptions.subscribe(id, [uri], 9);
  }
  const told: string[] = [];
  const all = Promise.withResolvers<void>();
  const updates = new UpdateNotifier({
    store: storage.subscriptions,
    onWaiting: (some) => told.push(...some) === ids.length - 1 && all.resolve(),
    onError: all.reject,
  });
  const change = { owner: "ana", session: session.id, by: ids[0], uris: [uri] };
  const write = { key: "k", value: "1", expiresAt: null, maxKeys: 9 };
  await updates.notifyWith([change], () => storage.state.set(session.id, write));
  expect(told.length).toBeLessThan(30);
  await all.promise;
  expect(told.toSorted()).toEqual(ids.slice(1).toSorted());
  expect(rows(folder, "SELECT count(DISTINCT client_id) AS n, count(*) AS m FROM outbox")).toEqual([
    { n: 129, m: 129 },
  ]);
});

it("a deleted session leaves nothing of what was said in it with the calls that had request keys", async () => {
  const { person, folder } = await serveWithKeys();
  const ana = await person("ana");
  const { session } = (await ana.call("chat", { prompt: "canary", request_key: "k" })).data;
  await ana.call("chat", { session, prompt: "canary", request_key: "l" });
  await ana.call("session_delete", { session });
  const left = rows(folder, "SELECT outcome FROM keyed_calls WHERE outcome LIKE '%canary%'");
  expect(left).toEqual([]);
});

it("forks of one principal are made one after the other, and too many are refused", async () => {
  const { person } = await serveWithKeys();
  const ana = await person("ana");
  const { session } = (await ana.call("session_open")).data;
  const say = () => ana.call("history_append", { session, role: "user", content: "x" });
  for (let n = 0; n < 20; n++) await Promise.all(Array.from({ length: 40 }, say)); // a fork takes a while
  const forks = Array.from({ length: 20 }, () => ana.call("session_fork", { session }));
  const outcomes = (await Promise.all(forks)).map((fork) => codeOf(fork));
  expect(outcomes.filter((code) => code === undefined).length).toBeGreaterThan(0);
  expect(outcomes).toContain("busy");
  expect(new Set(outcomes)).toEqual(new Set([undefined, "busy"]));
  expect((await ana.call("session_fork", { session })).isError).toBe(false);
});

it("very many subscribers are all told, the last of them in later commits", async () => {
  const { url, key, person, folder } = await serveWithKeys();
  const [ana, secret] = [await person("ana"), await key("ana")];
  await ana.call("state_set", { key: "k", value: 1 });
  const { session } = (await ana.call("session_info")).data;
  const uri = `holdfast://sessions/${session}/state/k`;
  await Promise.all(
    Array.from({ length: 250 }, async () => {
      const client = await speak(url, "2025", secret);
      await client.ask("resources/subscribe", { uri });
    }),
  );
  await ana.call("state_set", { key: "k", value: 2 });
  await expect
    .poll(() => rows(folder, "SELECT count(DISTINCT client_id) AS n FROM outbox"))
    .toEqual([{ n: 250 }]);
});

describe("connections", () => {
  it("of strangers make room for who comes with a key, and theirs stays", async () => {
    const { url, person } = await serveWithKeys({ "max-connections": 20 });
    const ana = await person("ana");
    expect((await ana.ask("tools/list")).status).toBe(200);
    const { hostname, port } = new URL(url);
    const strangers = Array.from({ length: 40 }, () => {
      const socket = connect(Number(port), hostname);
      socket.on("error", () => undefined).resume();
      socket.write(`GET /healthz HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
      return socket;
    });
    onTestFinished(() => strangers.forEach((socket) => socket.destroy()));
    await expect.poll(() => strangers.filter(({ closed }) => closed).length).toBeGreaterThan(19);
    for (let i = 0; i < 3; i += 1) {
      const fresh = await fetch(new URL("/healthz", url), { headers: { connection: "close" } });
      expect(fresh.status).toBe(200);
    }
    expect((await ana.ask("tools/list")).status).toBe(200);
    expect((await (await person("bob")).ask("tools/list")).status).toBe(200);
  });

  it("with very many wrong keys are told to wait, and good keys are not", async () => {
    const { url, person } = await serveWithKeys({ "log-level": "silent" });
    const ana = await person("ana");
    const wrong = async () => (await fetch(url, { headers: bearer("hf_x_wrong") })).status;
    const statuses = new Set<number>();
    for (let i = 0; i < 11; i += 1)
      for (const status of await Promise.all(Array.from({ length: 100 }, wrong)))
        statuses.add(status);
    expect(statuses).toEqual(new Set([401, 429]));
    expect((await ana.ask("tools/list")).status).toBe(200);
  });
});

// The two words: a session is a conversation, a client is what one `initialize` introduces. What is stored of each,
// when, and how they belong together.
import { describe, expect, it } from "vitest";
import { serveAtTime, serveHere } from "../support/here.ts";
import { ManualClock } from "../support/manual-clock.ts";
import {
  CAPABILITIES,
  INFO,
  initialize,
  introduce,
  post,
  type RawClient,
  read,
} from "../support/raw.ts";
import { rows } from "../support/rows.ts";

const RANDOM_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe("an introduction", () => {
  for (const version of ["2025-03-26", "2025-06-18", "2025-11-25"]) {
    it(`at ${version} is answered with that version, a random id, and is stored whole`, async () => {
      const here = await serveHere();
      const message = initialize({
        protocolVersion: version,
        _meta: { "example.org/note": "kept" },
      });
      const answer = await read(await post(here.url, message));
      expect(answer.status).toBe(200);
      expect(answer.messages).toMatchObject([
        {
          jsonrpc: "2.0",
          id: 1,
          result: {
            protocolVersion: version,
            serverInfo: { name: "holdfast" },
            capabilities: { tools: {}, logging: {} },
          },
        },
      ]);
      const id = answer.headers.get("mcp-session-id");
      expect(id).toMatch(RANDOM_UUID);

      const [row, ...others] = rows(here.folder, "SELECT * FROM clients");
      expect(others).toEqual([]);
      expect(row).toMatchObject({
        id,
        owner: "local",
        session_id: null,
        name: INFO.name,
        version: INFO.version,
        protocol_version: version,
        log_level: null,
        ended_at: null,
      });
      expect(JSON.parse(row!["capabilities"] as string)).toEqual(CAPABILITIES);
      expect(JSON.parse(row!["initialize"] as string)).toEqual({
        method: "initialize",
        params: message["params"],
      });
      expect(row!["last_seen_at"]).toBe(row!["created_at"]);
      expect(Math.abs(Date.now() - (row!["created_at"] as number))).toBeLessThan(60_000);
    });
  }

  it("at a version that nobody knows is answered with the newest, which is also what is stored", async () => {
    const here = await serveHere();
    const answer = await read(await post(here.url, initialize({ protocolVersion: "1999-01-01" })));
    expect(answer.messages).toMatchObject([{ result: { protocolVersion: "2025-11-25" } }]);
    expect(rows(here.folder, "SELECT protocol_version FROM clients")).toEqual([
      { protocol_version: "2025-11-25" },
    ]);
  });

  it("gives every client an id of its own, also to one that sends an old id along", async () => {
    const here = await serveHere();
    const first = await introduce(here.url);
    const again = await read(await post(here.url, initialize(), first.headers));
    expect(again.headers.get("mcp-session-id")).toMatch(RANDOM_UUID);
    expect(again.headers.get("mcp-session-id")).not.toBe(first.id);
    expect((await first.ask("ping")).status).toBe(200);
  });

  it("alone leaves no session: no row, no list entry, also after looking around", async () => {
    const here = await serveHere();
    const client = await introduce(here.url);
    await client.ask("tools/list");
    await (await client.listen()).body!.cancel();
    const id = await client.session();
    for (const tool of ["session_info", "history_get", "state_list", "session_clear"]) {
      expect((await client.call(tool)).data["session"]).toBe(id);
    }
    await client.call("state_get", { key: "k" });
    await client.call("state_delete", { key: "k" });
    expect(rows(here.folder, "SELECT id FROM sessions")).toEqual([]);
    expect((await client.call("session_list")).data["sessions"]).toEqual([]);

    await client.call("state_set", { key: "k", value: 1 });
    expect(rows(here.folder, "SELECT id, owner FROM sessions")).toEqual([{ id, owner: "local" }]);
    expect(rows(here.folder, "SELECT session_id FROM clients")).toEqual([{ session_id: id }]);
    const list = await client.call("session_list");
    expect(list.data["sessions"]).toMatchObject([{ id }]);
    expect(list.text).not.toContain(client.id);
  });
});

describe("header and handle", () => {
  it.each<[string, (client: RawClient) => string | Promise<string>]>([
    ["of its session", (client) => client.session()],
    ["that its header brings", (client) => client.id],
  ])("lead to the same, before and after something is stored: the id %s", async (_, idOf) => {
    const { url } = await serveHere();
    const [mine, other] = [await introduce(url), await introduce(url)];
    const [handle, session] = [await idOf(mine), await mine.session()];
    expect((await other.call("session_info", { session: handle })).data).toMatchObject({
      session,
      created_at: null,
    });
    // The first thing in the session comes through the handle.
    await other.call("state_set", { session: handle, key: "from", value: "handle" });
    expect((await mine.call("state_get", { key: "from" })).data).toMatchObject({
      session,
      value: "handle",
    });
    await mine.call("state_set", { key: "from", value: "header" });
    expect((await other.call("state_get", { session: handle, key: "from" })).data).toMatchObject({
      session,
      value: "header",
      version: 2,
    });
    expect((await mine.call("state_get", { session: handle, key: "from" })).data["version"]).toBe(
      2,
    );
    expect((await other.call("state_get", { key: "from" })).data["found"]).toBe(false);
  });

  it("of a session that does not exist is a tool error with the way out", async () => {
    const { url } = await serveHere();
    const client = await introduce(url);
    for (const session of [crypto.randomUUID(), "nonsense"]) {
      const answer = await client.call("state_get", { session, key: "k" });
      expect(answer.isError).toBe(true);
      expect(answer.says).toContain("session_list");
      expect(answer.says).toContain("session_open");
    }
  });
});

describe("DELETE", () => {
  it("ends the client and its streams, and leaves the conversation reachable by its handle", async () => {
    const here = await serveHere();
    const client = await introduce(here.url);
    const { session } = (await client.call("state_set", { key: "k", value: "kept" })).data;
    const stream = await client.listen();
    expect((await client.end()).status).toBe(200);
    expect(await stream.text()).not.toContain("event:");
    expect((await client.ask("ping")).status).toBe(404);
    expect((await client.end()).status).toBe(404);
    expect((await read(await client.listen())).status).toBe(404);

    const other = await introduce(here.url);
    const answer = await other.call("state_get", { session, key: "k" });
    expect(answer.data).toMatchObject({ session, value: "kept" });
    const [row] = rows(here.folder, `SELECT ended_at FROM clients WHERE id = '${client.id}'`);
    expect(row!["ended_at"]).toEqual(expect.any(Number));
  });

  it("of one client leaves the others alone", async () => {
    const { url } = await serveHere();
    const [leaving, staying] = [await introduce(url), await introduce(url)];
    const session = await staying.session();
    await leaving.end();
    expect(await staying.session()).toBe(session);
  });
});

describe("an address", () => {
  it("with ?name= makes its session at first use, and everyone with that address shares it", async () => {
    const here = await serveHere();
    const url = `${here.url}?name=work`;
    const [one, two] = [await introduce(url), await introduce(url, { version: "2025-03-26" })];
    await one.ask("tools/list");
    expect(rows(here.folder, "SELECT * FROM sessions")).toEqual([]);

    const set = await one.call("state_set", { key: "k", value: "shared" });
    expect(rows(here.folder, "SELECT id, name FROM sessions")).toEqual([
      { id: set.data["session"], name: "work" },
    ]);
    expect((await two.call("state_get", { key: "k" })).data).toMatchObject({
      session: set.data["session"],
      value: "shared",
    });
    expect([one.id, two.id]).not.toContain(set.data["session"]);
    // The header's id, used as a handle, leads to where its client works; another address is another session.
    expect((await two.call("state_get", { session: one.id, key: "k" })).data).toMatchObject({
      session: set.data["session"],
      found: true,
    });
    const elsewhere = await introduce(`${here.url}?name=home`);
    expect((await elsewhere.call("state_get", { key: "k" })).data["found"]).toBe(false);
  });

  it("with ?name= is one session also when many use it first at the same time", async () => {
    const here = await serveHere();
    const clients = await Promise.all(
      Array.from({ length: 10 }, () => introduce(`${here.url}?name=rush`)),
    );
    const content = (n: number) => ({ role: "user", content: `message ${n}` });
    const answers = await Promise.all(clients.map((c, n) => c.call("history_append", content(n))));
    expect(new Set(answers.map(({ data }) => data["session"])).size).toBe(1);
    expect(answers.map(({ data }) => data["seq"]).sort((a, b) => a - b)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
    ]);
    expect(rows(here.folder, "SELECT name FROM sessions")).toEqual([{ name: "rush" }]);
  });

  it("with ?session= continues that session", async () => {
    const { url } = await serveHere();
    const client = await introduce(url);
    const { session } = (await client.call("state_set", { key: "k", value: "there" })).data;
    for (const id of [session, client.id]) {
      const other = await introduce(`${url}?session=${id}`);
      expect((await other.call("state_get", { key: "k" })).data).toMatchObject({
        session,
        value: "there",
      });
    }
  });

  it("with ?session= of no session gives the tool error with the way out, and works for tools/list", async () => {
    const { url } = await serveHere();
    const lost = await introduce(`${url}?session=${crypto.randomUUID()}`);
    expect((await lost.ask("tools/list")).messages).toMatchObject([{ result: {} }]);
    const answer = await lost.call("state_set", { key: "k", value: 1 });
    expect(answer.isError).toBe(true);
    expect(answer.says).toContain("session_open");
    // The way out works: the argument wins over the address.
    const { data } = await (await introduce(url)).call("session_open", { title: "out" });
    const set = await lost.call("state_set", { session: data["session"], key: "k", value: 1 });
    expect(set.data["session"]).toBe(data["session"]);
  });

  it("with both is refused before anything happens", async () => {
    const here = await serveHere();
    const client = await introduce(here.url);
    client.url = `${here.url}?name=work&session=${client.id}`;
    const answer = await client.call("state_set", { key: "k", value: 1 });
    expect(answer.status).toBe(400);
    expect(answer.text).toMatch(/session=.*name=.*only one/);
    expect((await read(await post(client.url, initialize()))).status).toBe(400);
    expect(rows(here.folder, "SELECT * FROM sessions")).toEqual([]);
    expect(rows(here.folder, "SELECT * FROM clients")).toHaveLength(1);
  });
});

describe("activity times", () => {
  const times = (folder: string): unknown[] => [
    ...rows(folder, "SELECT last_active_at FROM sessions"),
    ...rows(folder, "SELECT last_seen_at FROM clients"),
  ];

  it("are not written by every call: within 30 s they stay as they are, after that they move", async () => {
    const clock = new ManualClock();
    const here = await serveAtTime(clock);
    const client = await introduce(here.url);
    const set = (value: number) => client.call("state_set", { key: "k", value });
    await set(1);
    await set(2); // what was noted before this write is committed with it
    const before = times(here.folder);
    // A client that has come back was seen later than it was made, also where the clock has not moved.
    expect(before).toEqual([{ last_active_at: clock.now() }, { last_seen_at: clock.now() + 1 }]);
    clock.advance(29_999);
    await set(3);
    await set(4);
    expect(times(here.folder)).toEqual(before);
    clock.advance(1);
    await set(5);
    expect(times(here.folder)).toEqual([
      { last_active_at: clock.now() },
      { last_seen_at: clock.now() },
    ]);
  });

  it("follow more closely where sessions live only briefly, so that nothing in use expires", async () => {
    const clock = new ManualClock();
    const here = await serveAtTime(clock, { "max-age": "20s" });
    const client = await introduce(here.url);
    await client.call("state_set", { key: "k", value: 1 });
    for (let i = 0; i < 10; i++) {
      clock.advance(14_999);
      expect((await client.call("state_get", { key: "k" })).data["found"]).toBe(true);
    }
    clock.advance(20_001);
    const connections = () => rows(here.folder, "SELECT * FROM connections");
    await expect.poll(connections).toEqual([]); // a program without a stream is there for a while
    expect((await client.ask("ping")).status).toBe(404);
  });
});

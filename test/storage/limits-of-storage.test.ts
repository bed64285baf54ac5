// What one principal may store, and what the file may hold: at its limit nothing is lost, and room can be made.
import { statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { databaseFile } from "../../src/storage/admin.ts";
import { bearer } from "../support/bearer.ts";
import { openDatabase } from "../support/database.ts";
import { dataFolder } from "../support/folder.ts";
import { ERAS, type Person, serveWithKeys, speak } from "../support/people.ts";
import { codeOf, initialize, post } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

const KB = "x".repeat(1_024);

const open = async (person: Person): Promise<string> =>
  (await person.call("session_open")).data["session"] as string;

describe("max-state", () => {
  it.each(ERAS)("bounds the values of all of a principal's sessions, era of %s", async (era) => {
    const { person, folder } = await serveWithKeys({ "max-state": "4kb" });
    const [ana, bob] = [await person("ana", era), await person("bob", era)];
    const [one, two] = [await open(ana), await open(ana)];
    const set = (session: string, key: string, value: string) =>
      ana.call("state_set", { session, key, value });
    for (const session of [one, two]) expect((await set(session, "a", KB)).isError).toBe(false);
    expect((await set(two, "b", KB)).isError).toBe(false);
    const refused = await set(one, "b", KB + KB);
    expect(codeOf(refused)).toBe("limit");
    expect(refused.says).toContain("max-state");
    expect((await ana.call("state_get", { session: one, key: "b" })).data["found"]).toBe(false);
    expect((await set(one, "a", "smaller")).isError).toBe(false);
    await ana.call("session_delete", { session: two });
    expect((await set(one, "b", KB + KB)).isError).toBe(false);
    const bobs = await open(bob);
    expect((await bob.call("state_set", { session: bobs, key: "a", value: KB })).isError).toBe(
      false,
    );
    expect(rows(folder, "SELECT owner, state_bytes FROM usage ORDER BY owner")).toEqual([
      { owner: "ana", state_bytes: 2 * 1_024 + 2 + "smaller".length + 2 },
      { owner: "bob", state_bytes: 1_024 + 2 },
    ]);
  });

  it("counts bytes, not characters, also where a value grows in place", async () => {
    const { person } = await serveWithKeys({ "max-state": "4kb" });
    const ana = await person("ana");
    const session = await open(ana);
    const set = (key: string, value: string) => ana.call("state_set", { session, key, value });
    for (const key of ["a", "b", "c"]) expect((await set(key, KB)).isError).toBe(false);
    const grown = await set("a", "海".repeat(1_024));
    expect(codeOf(grown)).toBe("limit");
    expect((await ana.call("state_get", { session, key: "a" })).data["value"]).toBe(KB);
  });

  it("counts what somebody else stores in a shared session as the owner's", async () => {
    const { person } = await serveWithKeys({ "max-state": "2kb" });
    const [ana, bob] = [await person("ana"), await person("bob")];
    const session = await open(ana);
    await ana.call("session_share", { session, principal: "bob", access: "write" });
    await bob.call("session_accept", { session });
    expect((await bob.call("state_set", { session, key: "a", value: KB })).isError).toBe(false);
    expect(codeOf(await bob.call("state_set", { session, key: "b", value: KB }))).toBe("limit");
    const own = await open(bob);
    expect((await bob.call("state_set", { session: own, key: "b", value: KB })).isError).toBe(
      false,
    );
  });
});

describe("max-history", () => {
  it.each(ERAS)("bounds the messages of all of a principal's sessions, era of %s", async (era) => {
    const { person, folder } = await serveWithKeys({ "max-history": "3kb" });
    const ana = await person("ana", era);
    const [one, two] = [await open(ana), await open(ana)];
    const say = (session: string, content = KB) =>
      ana.call("history_append", { session, role: "user", content });
    for (const session of [one, one, two]) expect((await say(session)).isError).toBe(false);
    const refused = await say(two, "x");
    expect(codeOf(refused)).toBe("limit");
    expect(refused.says).toContain("max-history");
    expect(codeOf(await ana.call("chat", { session: two, prompt: "x" }))).toBe("limit");
    await ana.call("session_clear", { session: one });
    expect((await say(two)).isError).toBe(false);
    await ana.call("session_delete", { session: one });
    await ana.call("session_delete", { session: two });
    expect(rows(folder, "SELECT * FROM usage WHERE history_bytes > 0")).toEqual([]);
  });

  it("leaves no session behind that was made for a message with no room", async () => {
    const { person, folder } = await serveWithKeys({ "max-history": "1kb", "max-state": "1kb" });
    const ana = await person("ana");
    const own = await person("ana", "2025");
    for (let n = 0; n < 3; n += 1) {
      const message = { role: "user", content: KB + KB };
      expect(codeOf(await ana.call("history_append", message))).toBe("limit");
      expect(codeOf(await ana.call("chat", { prompt: KB + KB }))).toBe("limit");
      expect(codeOf(await own.call("state_set", { key: "k", value: KB + KB }))).toBe("limit");
    }
    expect(rows(folder, "SELECT id FROM sessions")).toEqual([]);
    expect((await own.call("state_set", { key: "k", value: 1 })).isError).toBe(false);
    expect((await own.call("state_get", { key: "k" })).data["value"]).toBe(1);
  });

  it("goes with a session that an operator gives to somebody else", async () => {
    const { person, folder } = await serveWithKeys();
    const ana = await person("ana");
    const session = await open(ana);
    await ana.call("history_append", { session, role: "user", content: "kelp" });
    const database = openDatabase(folder, { readonly: false });
    database.exec("UPDATE sessions SET owner = 'bob'");
    const used = () => rows(folder, "SELECT owner, history_bytes FROM usage");
    expect(used()).toEqual([{ owner: "bob", history_bytes: 4 }]);
    database.exec("PRAGMA foreign_keys = ON; DELETE FROM sessions");
    expect(used()).toEqual([]);
  });

  it("counts bytes, also of what another program has changed or deleted in the file", async () => {
    const { person, folder } = await serveWithKeys();
    const ana = await person("ana");
    const session = await open(ana);
    const used = () => rows(folder, "SELECT history_bytes FROM usage")[0]?.["history_bytes"];
    for (const content of ["héé", "海藻", "kelp"])
      await ana.call("history_append", { session, role: "user", content });
    expect(used()).toBe(5 + 6 + 4);
    const database = openDatabase(folder, { readonly: false });
    database.exec("UPDATE messages SET content = 'a' WHERE seq = 2");
    expect(used()).toBe(5 + 1 + 4);
    database.exec("DELETE FROM messages WHERE seq = 1");
    expect(used()).toBe(1 + 4);
  });
});

/** As much as an empty database takes, and so many KiB more. */
const spare = (kib: number): string =>
  `${Math.ceil(statSync(databaseFile(dataFolder())).size / 1_024) + kib}kb`;

describe("max-database", () => {
  it("ends what is stored, and nothing that was stored before", async () => {
    const { person } = await serveWithKeys({ "max-database": "1mb" });
    const ana = await person("ana");
    const session = await open(ana);
    const value = "x".repeat(100_000);
    const stored: string[] = [];
    let refused;
    for (let n = 0; n < 20 && refused === undefined; n += 1) {
      const answer = await ana.call("state_set", { session, key: `k${n}`, value });
      if (answer.isError) refused = answer;
      else stored.push(`k${n}`);
    }
    expect(stored.length).toBeGreaterThan(2);
    expect(refused?.says).toContain("max-database");
    for (const key of stored)
      expect((await ana.call("state_get", { session, key })).data["value"]).toBe(value);
    await ana.call("state_delete", { session, key: stored[0] });
    expect((await ana.call("state_set", { session, key: "again", value })).isError).toBe(false);
  });

  it("never keeps anybody from making room: by clearing, by deleting, by the cleanup job", async () => {
    const { person, app, folder } = await serveWithKeys({
      "max-database": "2mb",
      "max-age": "30d",
    });
    const ana = await person("ana");
    const sessions = [await open(ana), await open(ana), await open(ana)];
    const words = (n: number) => Array.from({ length: 2_000 }, (_, m) => `word${n}x${m}`).join(" ");
    const fill = async () => {
      for (let n = 0; ; n += 1) {
        const session = sessions[n % sessions.length];
        const message = { session, role: "user", content: words(n) };
        const answer = await ana.call("history_append", message);
        if (answer.isError) return answer;
      }
    };
    expect((await fill()).says).toContain("max-database");
    await ana.call("session_clear", { session: sessions[0] });
    expect((await fill()).says).toContain("max-database");
    await ana.call("session_delete", { session: sessions[1] });
    sessions.splice(1, 1);
    expect((await fill()).says).toContain("max-database");
    openDatabase(folder, { readonly: false }).exec("UPDATE sessions SET last_active_at = 1");
    expect(await app.cleanup.run()).toMatchObject({ session: 2 });
    expect((await ana.call("session_open")).isError).toBe(false);
  });

  it("bounds who introduces herself, too", async () => {
    const { url, key } = await serveWithKeys({ "max-database": spare(200) });
    const clientInfo = { name: "x".repeat(50_000), version: "1" };
    // Each for herself: of one principal's programs, the oldest that nobody uses goes first.
    const introduce = async (principal: string) =>
      post(url, initialize({ clientInfo }), bearer(await key(principal)));
    let [status, text, taken] = [200, "", -1];
    for (let n = 0; n < 20 && status === 200; n += 1) {
      const answer = await introduce(`p${n}`);
      [status, text, taken] = [answer.status, await answer.text(), taken + 1];
    }
    expect(taken).toBeGreaterThan(0);
    expect([status, text]).toEqual([429, expect.stringContaining("max-database")]);
  });

  it("bounds subscriptions and system prompts, too", async () => {
    const { person } = await serveWithKeys({ "max-database": spare(200), "log-level": "silent" });
    const ana = await person("ana", "2025");
    let said = "";
    for (let n = 0; n < 600 && !said.includes("max-database"); n += 1) {
      const uri = `x:${n}/`.padEnd(2_000, "u");
      said = (await ana.ask("resources/subscribe", { uri })).text;
    }
    expect(said).toContain("max-database");
    const system = "s".repeat(60_000);
    let updated;
    for (let n = 0; n < 20 && !updated?.isError; n += 1)
      updated = await (await person("ana")).at(`name=${n}`).call("session_open", { system });
    expect(updated?.says).toContain("max-database");
  });
});

describe("what a program says of itself", () => {
  it("has at most 64,000 bytes, in both eras, and so has each uri at most 2,048", async () => {
    const { url, key, person, folder } = await serveWithKeys();
    const clientInfo = { name: "x".repeat(70_000), version: "1" };
    const answer = await post(url, initialize({ clientInfo }), bearer(await key("ana")));
    expect([answer.status, await answer.text()]).toEqual([
      400,
      expect.stringContaining("at most 64000 bytes"),
    ]);
    const uri = `holdfast://${"x".repeat(5_000)}`;
    const old = (await (await person("ana", "2025")).ask("resources/subscribe", { uri })).messages;
    const modern = await (
      await person("ana")
    ).ask("subscriptions/listen", { notifications: { resourceSubscriptions: [uri] } });
    for (const message of [...old, ...modern.messages])
      expect(message["error"]).toMatchObject({ code: -32602 });
    expect(rows(folder, "SELECT * FROM subscriptions")).toEqual([]);
  });
});

describe("max-clients", () => {
  it("ends the program that was idle for longest, never one that is connected, nobody else's", async () => {
    const { url, key, person, folder } = await serveWithKeys({ "max-clients": 3 });
    const bob = await person("bob", "2025");
    const anas = await key("ana");
    const connected = await speak(url, "2025", anas);
    const stream = await connected.client!.listen();
    const [idle, second] = [await speak(url, "2025", anas), await speak(url, "2025", anas)];
    const statuses = () =>
      Promise.all([connected, idle, second, bob].map(async (p) => (await p.ask("ping")).status));
    expect(await statuses()).toEqual([200, 200, 200, 200]);
    const third = await speak(url, "2025", anas);
    expect((await third.ask("ping")).status).toBe(200);
    expect(await statuses()).toEqual([200, 404, 200, 200]);
    // Programs that never come back make room for each other: one that did has to go for all of them.
    for (let n = 0; n < 20; n += 1) await post(url, initialize(), bearer(anas));
    expect(await statuses()).toEqual([200, 404, 404, 200]);
    expect((await third.ask("ping")).status).toBe(200);
    const living = "SELECT count(*) AS n FROM clients WHERE owner = 'ana' AND ended_at IS NULL";
    expect(rows(folder, living)).toEqual([{ n: 3 }]);
    await stream.body!.cancel();
  });

  it("refuses one more when all are connected, and says so", async () => {
    const { url, key } = await serveWithKeys({ "max-clients": 2 });
    const anas = await key("ana");
    const two = [await speak(url, "2025", anas), await speak(url, "2025", anas)];
    for (const { client } of two) expect((await client!.listen()).status).toBe(200);
    const refused = await post(url, initialize(), bearer(anas));
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "3"]);
    expect(await refused.text()).toContain("max-clients");
    for (const person of two) expect((await person.ask("ping")).status).toBe(200);
  });
});

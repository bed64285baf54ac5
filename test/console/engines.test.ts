// The console's pages and forms on both storage engines.
import { expect, it } from "vitest";
import type { Settings } from "../../src/config/config.ts";
import { serveWithKeys, speak } from "../support/people.ts";
import { signedIn } from "../support/plain-browser.ts";
import { emptyDatabase } from "../support/postgres.ts";

const ENGINES: Readonly<Record<string, () => Promise<Settings>>> = {
  SQLite: async () => Promise.resolve({}),
  PostgreSQL: async () => ({ "database-url": (await emptyDatabase()).url }),
};

it.each(Object.keys(ENGINES))(
  "on %s each page shows what is stored, and each form changes it",
  async (engine) => {
    const server = await serveWithKeys(await ENGINES[engine]!());
    const { browser, key } = await signedIn(server, "ana", "admin");
    const person = (await speak(server.url, "2026", key)).at("name=garden");
    await person.call("history_append", { role: "user", content: "When do I sow the beans?" });
    await person.call("history_append", { role: "assistant", content: "In the middle of May." });
    await person.call("state_set", { key: "bed", value: { beans: 3 } });
    const id = String((await person.call("session_info")).data.session);
    const one = `/console/sessions/${id}`;
    const shown = async (path: string): Promise<string> => {
      const answer = await browser.get(path);
      expect([path, answer.status]).toEqual([path, 200]);
      return answer.text();
    };
    const send = async (action: string, fields: Record<string, string>): Promise<void> => {
      const answer = await browser.send(one, action, fields);
      expect([action, answer.status]).toEqual([action, 303]);
    };

    for (const [path, text] of [
      ["/console/sessions", /garden[^]*In the middle of May[^]*2 messages/],
      ["/console/sessions?q=GARD", /garden/],
      [one, /sow the beans[^]*middle of May[^]*bed/],
      ["/console/search?q=beans", /sow the <mark>beans/],
      ["/console/activity", /state_set[^]*history_append/],
      ["/console/health", /database[^]*1 conversation;/],
      ["/console/keys", /ana[^]*admin/],
      ["/console/account", /this one/],
      ["/console/connect?name=garden", /garden/],
      ["/console/import", /type="file"/],
    ] as const)
      expect(await shown(path)).toMatch(text);

    await send(`${one}/rename`, { title: "Beans", name: "garden", system: "" });
    await send(`${one}/pin`, { pinned: "yes" });
    await send(`${one}/state`, { key: "bed", value: "[4]", version: "1" });
    await send(`${one}/share`, { principal: "bob", access: "write" });
    await send(`${one}/messages/2/delete`, {});
    await send(`${one}/fork`, { upto: "1" });
    const after = await shown(one);
    expect(after).toMatch(/<h1[^>]*>Beans<.h1>/);
    expect(after).toMatch(/\[[^]*4[^]*\]/);
    expect(after).not.toContain("middle of May");
    expect(await shown("/console/sessions?only=pinned")).toMatch(/Beans/);
    expect(await shown("/console/keys")).toMatch(/Beans[^]*ana[^]*bob[^]*not accepted/);

    const file = await shown(`${one}/export`);
    await send(`${one}/delete`, {});
    expect((await browser.get(one)).status).toBe(404);
    expect((await browser.upload(file)).status).toBe(303);
    await expect.poll(() => shown("/console/import")).toContain("Would import 1 session");
    await browser.send("/console/import", "/console/import/start");
    await expect.poll(() => shown("/console/import")).toContain("Imported 1 session");
    expect(await shown("/console/search?q=beans")).toMatch(/<mark>beans/);
  },
);

it.each(Object.keys(ENGINES))(
  "on %s an address with text that cannot be stored finds nothing, and breaks nothing",
  async (engine) => {
    const server = await serveWithKeys(await ENGINES[engine]!());
    const { browser, key } = await signedIn(server, "ana", "admin");
    const person = (await speak(server.url, "2026", key)).at("name=garden");
    const id = String((await person.call("state_set", { key: "a", value: 1 })).data.session);
    const nul = "a%00b";
    for (const [path, status] of [
      [`/console/connect?name=${nul}`, 200],
      [`/console/connect/waiting?name=${nul}`, 200],
      [`/console/sessions/${id}?after=${nul}`, 400],
      [`/console/sessions?q=${nul}`, 200],
    ] as const) {
      const answer = await browser.get(path);
      expect([path, answer.status]).toEqual([path, status]);
    }
    const page = `/console/sessions/${id}`;
    for (const [from, action, field] of [
      [page, `${page}/unshare`, "principal"],
      ["/console/import", "/console/import/start", "task"],
    ] as const) {
      const answer = await browser.send(from, action, { [field]: "a\0b" });
      expect([action, answer.status]).toEqual([action, 400]);
    }
  },
);

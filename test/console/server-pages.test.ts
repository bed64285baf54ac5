// What the console shows of the server and of an account.
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { when } from "../../src/console/layout.ts";
import { defineTool } from "../../src/index.ts";
import { databaseFile } from "../../src/storage/admin.ts";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveWithKeys, speak } from "../support/people.ts";
import { signedIn } from "../support/plain-browser.ts";
import { PROGRAM } from "../support/process.ts";
import { SECRET } from "../support/shared-session.ts";

describe("the account", () => {
  it("lists where its principal has signed in, and ends all but this browser", async () => {
    const server = await serveWithKeys();
    const [here, there, bob] = [
      await signedIn(server, "ana"),
      await signedIn(server, "ana"),
      await signedIn(server, "bob"),
    ];
    const text = await (await here.browser.get("/console/account")).text();
    expect([text.match(/this one/g)?.length, text.match(/another one/g)?.length]).toEqual([1, 1]);
    await here.browser.send("/console/account", "/console/account/sign-out-others");
    const status = async ({ browser }: typeof here) =>
      (await browser.get("/console/search")).status;
    expect([await status(here), await status(there), await status(bob)]).toEqual([200, 303, 200]);
  });
});

describe("shares", () => {
  it("are shown to both sides and to the operator, with a title only to who may read it", async () => {
    const server = await serveWithKeys();
    const [ana, bob] = [await signedIn(server, "ana"), await signedIn(server, "bob")];
    const operator = await signedIn(server, "op", "admin");
    const person = await speak(server.url, "2026", ana.key);
    const { session } = (await person.call("session_open", { title: SECRET })).data;
    await person.call("session_share", { session, principal: "bob", access: "read" });
    const shown = async ({ browser }: typeof ana, path: string): Promise<string> =>
      (await browser.get(path)).text();
    const row = /ana[^]*bob[^]*read, not accepted yet/;
    expect(await shown(ana, "/console/account")).toMatch(row);
    expect(await shown(ana, "/console/account")).toContain(SECRET);
    for (const [who, path] of [
      [bob, "/console/account"],
      [operator, "/console/keys"],
    ] as const) {
      expect(await shown(who, path)).toMatch(row);
      expect(await shown(who, path)).not.toContain(SECRET);
    }
    const bobs = await speak(server.url, "2026", bob.key);
    await bobs.call("session_accept", { session });
    expect(await shown(bob, "/console/account")).toContain(SECRET);
    expect(await shown(operator, "/console/account")).toContain("You share nothing");
  });
});

describe("a time", () => {
  it("is told in numbers, which no calendar makes wrong", () => {
    const [now, hour] = [Date.now(), 3_600_000];
    const told = (hours: number): string => String(when(now + hours * hour, now));
    expect(told(400 * 24)).toContain(">in 1 year<");
    expect(told(47)).toContain(">in 1 day<");
    expect(told(-47)).toContain(">1 day ago<");
    expect(told(0)).toContain(">just now<");
  });
});

describe("the list of conversations", () => {
  it("shows all of them, one's own, those of others, or the pinned ones, and says where there is none", async () => {
    const server = await serveWithKeys();
    const { browser, key } = await signedIn(server, "ana");
    const person = await speak(server.url, "2026", key);
    const shown = async (only: string): Promise<string> =>
      (await browser.get(`/console/sessions?only=${only}`)).text();
    expect(await shown("pinned")).toContain("You have pinned none");
    for (const [title, pinned] of [
      ["fleeting", false],
      ["kept", true],
    ] as const) {
      const { session } = (await person.call("session_open", { title })).data;
      await person.call("session_update", { session, pinned });
    }
    expect(await shown("")).toMatch(/kept[^]*fleeting/);
    expect(await shown("own")).toMatch(/kept[^]*fleeting/);
    expect(await shown("pinned")).not.toContain("fleeting");
    expect(await shown("shared")).toContain("Nobody shares a conversation with you");
  });
});

describe("the page of a conversation", () => {
  it("has one heading on all its pages, also without title and name", async () => {
    const server = await serveWithKeys();
    const { browser, key } = await signedIn(server, "ana");
    const person = await speak(server.url, "2026", key);
    const { session } = (await person.call("session_open", {})).data;
    for (let at = 1; at <= 60; at++)
      await person.call("history_append", { session, role: "user", content: `Bean ${at}` });
    await person.call("session_update", { session, clear: ["title"] });
    for (const query of ["", "?at=30", "?before=20"]) {
      const page = await (await browser.get(`/console/sessions/${session}${query}`)).text();
      expect([query, /<h1[^>]*>([^<]*)</.exec(page)?.[1]]).toEqual([query, "Bean 1"]);
    }
  });

  it("keeps the system prompt to the letter when its form changes the title", async () => {
    const server = await serveWithKeys();
    const { browser, key } = await signedIn(server, "ana");
    const person = await speak(server.url, "2026", key);
    const system = "\n  Two lines,\nand a space. ";
    const { session } = (await person.call("session_open", { system })).data;
    const path = `/console/sessions/${session}`;
    const page = await (await browser.get(path)).text();
    // A browser leaves out the first line break of a text area, and sends the others as CRLF.
    const shown = /<textarea name="system"[^>]*>\n?([^]*?)<\/textarea>/.exec(page)![1]!;
    const fields = { title: "Beans", name: "", system: shown.replaceAll("\n", "\r\n") };
    expect((await browser.send(path, `${path}/rename`, fields)).status).toBe(303);
    expect((await person.call("session_info", { session })).data).toMatchObject({
      title: "Beans",
      system,
    });
  });
});

describe("the page of calls", () => {
  it("shows each principal its own, the operator all without what a failure says, and stops nobody else's", async () => {
    const slow = defineTool({
      ...{ name: "slow", description: "Waits.", session: "none", input: z.object({}) },
      handler: async ({ signal, progress }) => {
        await progress(1, 2, "half");
        await once(signal, "abort");
        signal.throwIfAborted();
        return "never";
      },
    });
    const server = await serveWithKeys({}, { tools: [slow] });
    const [ana, bob] = [await signedIn(server, "ana"), await signedIn(server, "bob")];
    const operator = await signedIn(server, "op", "admin");
    const person = await speak(server.url, "2026", ana.key);
    await person.at("name=mine").call("state_get", { key: SECRET.repeat(300) });
    const asked = person.call("slow");
    const seen = async ({ browser }: typeof ana): Promise<string> =>
      (await browser.get("/console/activity")).text();
    await expect.poll(() => seen(ana)).toContain("half");
    expect(await seen(ana)).toMatch(/state_get[^]*invalid[^]*key/);
    expect(await seen(bob)).not.toMatch(/state_get|slow|Audit/);
    const all = await seen(operator);
    for (const text of ["state_get", "Stop slow", "invalid", "Audit"]) expect(all).toContain(text);
    expect(all).not.toContain("at most 512");
    const path = /\/console\/activity\/[-0-9a-f]+\/stop/.exec(all)![0];
    const reader = await signedIn(server, "ana", "read");
    for (const { browser, answer } of [
      { browser: bob.browser, answer: 404 },
      { browser: reader.browser, answer: 403 },
    ])
      expect((await browser.send("/console/import", path)).status).toBe(answer);
    expect(await seen(ana)).toContain("Stop slow");
    await ana.browser.send("/console/activity", path);
    expect((await asked).text).toContain("Somebody stopped this call");
  });
});

describe("the page of the server's health", () => {
  it("is the operator's, and shows no secret of the settings", async () => {
    const server = await serveWithKeys({ "model-key": SECRET, "stream-grace": "11m" });
    const ana = await signedIn(server, "ana");
    for (const path of ["/console/health", "/console/health/samples"])
      expect((await ana.browser.get(path)).status).toBe(403);
    const operator = await signedIn(server, "op", "admin");
    const text = await (await operator.browser.get("/console/health")).text();
    for (const part of ["11m", "(hidden)", "A key is required"]) expect(text).toContain(part);
    expect(text).not.toContain(SECRET);
  });
});

describe("backups", () => {
  it("are made beside the server and downloaded by the operator alone, and one that fails says why", async () => {
    const server = await serveWithKeys({}, { command: PROGRAM });
    const [op, ana] = [await signedIn(server, "op", "admin"), await signedIn(server, "ana")];
    const person = await speak(server.url, "2026", ana.key);
    await person.at("name=work").call("state_set", { key: "answer", value: 42 });
    const text = async (): Promise<string> => (await op.browser.get("/console/health")).text();
    const make = () => op.browser.send("/console/health", "/console/health/backups");
    expect(await text()).toContain("None by <code>holdfast backup</code> is known");
    await make();
    const link = /\/console\/health\/backups\/holdfast-[0-9TZ]+\.db/;
    await expect.poll(text, { timeout: 60_000 }).toMatch(link);
    const path = link.exec(await text())![0];
    expect(await text()).toMatch(/The last one is of <time datetime="20/);
    const copy = await op.browser.get(path);
    const taken = temporaryFolder();
    writeFileSync(databaseFile(taken), await copy.bytes());
    const database = openDatabase(taken);
    expect(database.prepare("SELECT value FROM session_state").pluck().all()).toEqual(["42"]);
    expect((await ana.browser.get(path)).status).toBe(403);
    expect((await op.browser.get("/console/health/backups/holdfast.db")).status).toBe(404);
    rmSync(join(server.folder, "backups"), { recursive: true });
    writeFileSync(join(server.folder, "backups"), "in the way");
    await make();
    await expect.poll(text, { timeout: 60_000 }).toMatch(/None was made: /);
  });
});

describe("the banner", () => {
  it("tells each principal of its conversations that go soon, and not of pinned ones", async () => {
    const server = await serveWithKeys({ "max-age": "2d" });
    const [ana, bob] = [await signedIn(server, "ana"), await signedIn(server, "bob")];
    const person = await speak(server.url, "2026", ana.key);
    for (const name of ["one", "two"])
      await person.at(`name=${name}`).call("history_append", { role: "user", content: "Hello" });
    await person.at("name=two").call("session_update", { pinned: true });
    const shown = "1 conversation goes within three days if nobody uses it";
    expect(await (await ana.browser.get("/console/search")).text()).toContain(shown);
    expect(await (await bob.browser.get("/console/search")).text()).not.toContain("within three");
  });

  it("takes a line back as soon as a change in the console has mended it", async () => {
    const server = await serveWithKeys({ "max-age": "2d" });
    const { browser, key } = await signedIn(server, "ana");
    const person = (await speak(server.url, "2026", key)).at("name=one");
    await person.call("history_append", { role: "user", content: "Hello" });
    const { session } = (await person.call("session_info")).data;
    const page = `/console/sessions/${session as string}`;
    expect(await (await browser.get(page)).text()).toContain("within three days");
    await browser.send(page, `${page}/pin`, { pinned: "yes" });
    expect(await (await browser.get(page)).text()).not.toContain("within three days");
  });
});

describe("the search", () => {
  it("says when each message was stored, and that it shows the best ones only", async () => {
    const server = await serveWithKeys();
    const { browser, key } = await signedIn(server, "ana");
    const person = (await speak(server.url, "2026", key)).at("name=garden");
    const append = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at++)
        await person.call("history_append", { role: "user", content: `Beans in bed ${at}` });
    };
    const found = async (): Promise<string> =>
      (await browser.get("/console/search?q=beans")).text();
    await append(50);
    expect(await found()).toMatch(/#50 user, ana · <time datetime="20/);
    expect(await found()).not.toContain("the best 50");
    await append(1);
    expect(await found()).toContain("These are the best 50");
  });

  it("calls a conversation without a title by its name, as lists do", async () => {
    const server = await serveWithKeys();
    const { browser, key } = await signedIn(server, "ana");
    const person = await speak(server.url, "2026", key);
    await person.call("history_append", { role: "user", content: "Beans" });
    await person.call("state_set", { key: "beans", value: 3 });
    const page = await (await browser.get("/console/search?q=beans")).text();
    expect(page.match(/>home<\/a/g)).toHaveLength(2);
  });

  it("says in a sentence why it looks for nothing", async () => {
    const { browser } = await signedIn(await serveWithKeys(), "ana");
    expect(await (await browser.get("/console/search?q=!!!")).text()).toContain(
      '<p class="empty">Expected at least one word.',
    );
  });
});

describe("the audit", () => {
  it("has one row for an import of many sessions, and all older entries behind a link", async () => {
    const server = await serveWithKeys();
    const operator = await signedIn(server, "op", "admin");
    const { audit } = server.app.storage;
    const note = (action: string, subject: string) =>
      audit.note({ principal: "ana", action, subject, detail: null });
    for (let n = 0; n < 24; n += 1) await note("session deleted", `old-${n}`);
    for (let n = 0; n < 700; n += 1) await note("session imported", `brought-${n}`);
    await note("session exported", "whole");
    for (let n = 0; n < 3; n += 1) await note("session imported", `again-${n}`);
    const shown = async (path: string): Promise<string> =>
      (await operator.browser.get(path)).text();
    const newest = await shown("/console/activity");
    expect(newest).toMatch(/3 sessions[^]*whole[^]*700 sessions[^]*old-23[^]*old-2</);
    expect(newest).not.toMatch(/brought|again|old-1</);
    const [, older] = /href="(\/console\/activity\/audit\?before=\d+)"/.exec(newest)!;
    const rest = await shown(older!);
    expect(rest).toMatch(/old-1<[^]*old-0<[^]*key created/);
    expect(rest).not.toMatch(/old-2<|Older entries/);
    const { browser } = await signedIn(server, "ana");
    expect((await browser.get(older!)).status).toBe(403);
  });
});

// What the console shows of the server and of an account, and the files that it takes.
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { databaseFile } from "../../src/storage/admin.ts";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveWithKeys, speak } from "../support/people.ts";
import { browserAt, signedIn } from "../support/plain-browser.ts";
import { emptyDatabase } from "../support/postgres.ts";
import { PROGRAM } from "../support/process.ts";
import { SECRET } from "../support/shared-session.ts";
import { ID, sessionFile } from "../support/transfer.ts";

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

describe("a file that is sent", () => {
  const uploads = ({ folder }: { folder: string }): string[] => {
    const uploads = join(folder, "uploads");
    return existsSync(uploads) ? readdirSync(uploads) : [];
  };

  it("is refused without the page's token, without the right to write, and beyond max-upload; nothing of it stays", async () => {
    const server = await serveWithKeys({ "max-upload": 1_000 });
    const { browser } = await signedIn(server, "ana");
    expect((await browser.upload("{}", "wrong")).status).toBe(403);
    const large = await browser.upload("x".repeat(1_500));
    expect([large.status, await large.text()]).toEqual([
      400,
      expect.stringContaining("max-upload"),
    ]);
    expect((await browser.send("/console/import", "/console/import")).status).toBe(400);
    const reader = await signedIn(server, "ana", "read");
    const token = "no form is shown to it";
    expect((await reader.browser.upload("{}", token)).status).toBe(403);
    expect(uploads(server)).toEqual([]);
  });

  it("is its sender's alone, in place of the one before, and goes with the end of its task", async () => {
    const server = await serveWithKeys();
    const [ana, bob] = [await signedIn(server, "ana"), await signedIn(server, "bob")];
    const person = await speak(server.url, "2026", ana.key);
    await person.at("name=one").call("history_append", { role: "user", content: "Hello" });
    const { session } = (await person.at("name=one").call("session_info")).data;
    const page = `/console/sessions/${String(session)}`;
    const file = await (await ana.browser.get(`${page}/export`)).text();
    const shown = async ({ browser }: typeof ana): Promise<string> =>
      (await browser.get("/console/import")).text();
    expect((await ana.browser.upload(file)).status).toBe(303);
    await expect.poll(() => shown(ana)).toContain("Would import 0 sessions");
    await expect.poll(() => uploads(server)).toEqual([]);
    await ana.browser.send(page, `${page}/delete`);
    const asked = async (): Promise<void> => {
      expect((await ana.browser.upload(file)).status).toBe(303);
      await expect.poll(() => shown(ana)).toMatch(/Would import 1 session [^]*>Import</);
    };
    await asked();
    const [first] = uploads(server);
    await asked();
    await expect.poll(() => uploads(server)).toHaveLength(1);
    expect(uploads(server)).not.toContain(first);
    const kept = statSync(join(server.folder, "uploads", uploads(server)[0]!));
    expect(kept.mode & 0o777).toBe(0o600);
    expect(await shown(bob)).not.toContain("export.jsonl");
    for (const act of ["start", "end"])
      expect((await bob.browser.send("/console/import", `/console/import/${act}`)).status).toBe(
        404,
      );
    await ana.browser.send("/console/import", "/console/import/end");
    await expect.poll(() => uploads(server)).toEqual([]);
    expect(await shown(ana)).toContain("Stopped.");
    expect((await ana.browser.get(page)).status).toBe(404);
  });

  it("is confirmed and stopped as the page showed it, not as another one that came since", async () => {
    const server = await serveWithKeys();
    const { browser } = await signedIn(server, "ana");
    const shown = async (): Promise<string> => (await browser.get("/console/import")).text();
    const fieldsOf = (page: string): Record<string, string> =>
      Object.fromEntries(
        ["_token", "task"].map((name) => [
          name,
          new RegExp(`name="${name}" value="([^"]+)"`).exec(page)?.[1] ?? "",
        ]),
      );
    const asked = async (messages: number): Promise<Record<string, string>> => {
      expect((await browser.upload(sessionFile(messages, { name: null }))).status).toBe(303);
      await expect.poll(shown).toMatch(new RegExp(`${messages} messages[^]*>Import<`));
      return fieldsOf(await shown());
    };
    const before = await asked(2);
    await asked(3);
    for (const act of ["start", "end"]) {
      const answer = await browser.post(`/console/import/${act}`, before);
      expect([answer.status, await answer.text()]).toEqual([
        404,
        expect.stringContaining("no longer waits"),
      ]);
    }
    expect(await shown()).toMatch(/3 messages[^]*>Import</);
    expect((await browser.get(`/console/sessions/${ID}`)).status).toBe(404);
    await browser.send("/console/import", "/console/import/start");
    await expect.poll(shown).toContain("Imported 1 session (3 messages)");
    expect(await (await browser.get("/console/sessions")).text()).toMatch(
      />just now<\/time>\s+· last message <time [^>]+>\d{1,2} \w{3} 20\d\d<\/time>/,
    );
  });

  it("is not imported with the rights of a key that was revoked", async () => {
    const server = await serveWithKeys();
    const [first, again] = [await signedIn(server, "ana"), await signedIn(server, "ana")];
    await first.browser.upload(sessionFile(2, { name: null }));
    const shown = async (): Promise<string> => (await again.browser.get("/console/import")).text();
    await expect.poll(shown).toMatch(/Would import 1 session [^]*>Import</);
    const [oldest] = (await server.app.keys.list()).filter(({ principal }) => principal === "ana");
    await server.app.keys.revoke(oldest!.id);
    await again.browser.send("/console/import", "/console/import/start");
    await expect.poll(shown).toContain("credentials that began this task have ended");
    expect((await again.browser.get(`/console/sessions/${ID}`)).status).toBe(404);
    await expect.poll(() => uploads(server)).toEqual([]);
  });

  it("is its sender's who signed in by a link, until the sign-out", async () => {
    const server = await serveWithKeys();
    const secret = await server.app.browserSessions.link({ principal: "ana", scope: "write" });
    const linked = browserAt(server.url);
    expect((await linked.post(`/console/link/${secret}`, {})).status).toBe(303);
    const other = await signedIn(server, "ana");
    const shown = async (): Promise<string> => (await other.browser.get("/console/import")).text();
    await linked.upload(sessionFile(2, { name: null }));
    await expect.poll(shown).toMatch(/Would import 1 session [^]*>Import</);
    await linked.send("/console/import", "/console/import/start");
    await expect.poll(shown).toContain("Imported 1 session");
    const further = { id: "22222222-2222-4222-8222-222222222222", name: null };
    await linked.upload(sessionFile(3, further));
    await expect.poll(shown).toMatch(/Would import 1 session [^]*>Import</);
    await linked.send("/console/account", "/console/sign-out");
    await other.browser.send("/console/import", "/console/import/start");
    await expect.poll(shown).toContain("credentials that began this task have ended");
  });

  it("leaves the one before as it was if its task cannot begin", async () => {
    const server = await serveWithKeys();
    const { browser } = await signedIn(server, "ana");
    const shown = async (): Promise<string> => (await browser.get("/console/import")).text();
    await browser.upload(sessionFile(2, { name: null }));
    await expect.poll(shown).toMatch(/2 messages[^]*>Import</);
    const database = openDatabase(server.folder, { readonly: false });
    database.exec("CREATE TRIGGER no BEFORE INSERT ON tasks BEGIN SELECT RAISE(ABORT, 'no'); END");
    expect((await browser.upload(sessionFile(3, { name: null }))).status).toBe(500);
    database.exec("DROP TRIGGER no");
    database.close();
    expect(await shown()).toMatch(/2 messages[^]*>Import</);
    expect(uploads(server)).toHaveLength(1);
    await browser.send("/console/import", "/console/import/start");
    await expect.poll(shown).toContain("Imported 1 session (2 messages)");
  });

  it("ends in its middle once its key is revoked", async () => {
    const { url, client } = await emptyDatabase();
    const server = await serveWithKeys({ "database-url": url });
    const [first, again] = [await signedIn(server, "ana"), await signedIn(server, "ana")];
    const ids = Array.from({ length: 900 }, (_, n) => ID.replace(/...$/, String(n + 100)));
    await first.browser.upload(ids.map((id) => sessionFile(1, { id, name: null })).join(""));
    const shown = async (): Promise<string> => (await again.browser.get("/console/import")).text();
    await expect.poll(shown).toMatch(/Would import 900 sessions [^]*>Import</);
    const [oldest] = (await server.app.keys.list()).filter(({ principal }) => principal === "ana");
    await client.query(
      `CREATE FUNCTION revoke_key() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         UPDATE api_keys SET revoked_at = 1 WHERE id = '${oldest!.id}'; RETURN NULL; END $$;
       CREATE TRIGGER revoke AFTER INSERT ON sessions EXECUTE FUNCTION revoke_key()`,
    );
    await again.browser.send("/console/import", "/console/import/start");
    await expect.poll(shown).toContain("credentials that began this task have ended");
    const { rows } = await client.query("SELECT id FROM sessions");
    expect(rows.length).toBeLessThan(ids.length);
  });

  it("goes into no folder that others can use", async () => {
    const server = await serveWithKeys();
    const { browser } = await signedIn(server, "ana");
    const folder = join(server.folder, "uploads");
    const elsewhere = temporaryFolder();
    symlinkSync(elsewhere, folder);
    expect(await (await browser.upload("{}")).text()).toContain("is a link");
    expect(readdirSync(elsewhere)).toEqual([]);
    unlinkSync(folder);
    mkdirSync(folder, { mode: 0o755 });
    expect((await browser.upload("{}")).status).toBe(303);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it("that breaks off leaves nothing, and the server goes on", async () => {
    const server = await serveWithKeys();
    const { browser } = await signedIn(server, "ana");
    const { hostname, port, host, origin } = new URL(server.url);
    const token = /name="_token" value="([^"]+)"/.exec(
      await (await browser.get("/console/import")).text(),
    )![1]!;
    const part = (name: string, rest: string): string =>
      `--b\r\nContent-Disposition: form-data; name="${name}"${rest}`;
    for (const sent of [token, "wrong"]) {
      const socket = connect(Number(port), hostname);
      onTestFinished(() => void socket.destroy());
      socket.write(
        `POST /console/import HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\nCookie: ${browser.cookie()}\r\n` +
          "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n" +
          part("_token", `\r\n\r\n${sent}\r\n`) +
          part("format", "\r\n\r\nauto\r\n") +
          part("file", `; filename="x"\r\n\r\n${"y".repeat(9_000)}`),
      );
      if (sent === token) await expect.poll(() => uploads(server)).toHaveLength(1);
      socket.destroy();
      await expect.poll(() => uploads(server)).toEqual([]);
    }
    const headers = { origin, cookie: browser.cookie(), "content-type": "multipart/form-data" };
    const without = await fetch(new URL("/console/import", origin), {
      ...{ method: "POST", body: "x", headers },
    });
    expect(without.status).toBe(400);
    expect(uploads(server)).toEqual([]);
    expect((await browser.get("/console/import")).status).toBe(200);
  });
});

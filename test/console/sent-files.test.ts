// The files that the console takes, as browsers send them.
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveWithKeys, speak } from "../support/people.ts";
import { browserAt, signedIn } from "../support/plain-browser.ts";
import { emptyDatabase } from "../support/postgres.ts";
import { ID, sessionFile } from "../support/transfer.ts";

const importPage = async (browser: { get(path: string): Promise<Response> }): Promise<string> =>
  (await browser.get("/console/import")).text();

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
    const shown = ({ browser }: typeof ana): Promise<string> => importPage(browser);
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
    const shown = (): Promise<string> => importPage(browser);
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
    const shown = (): Promise<string> => importPage(again.browser);
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
    const shown = (): Promise<string> => importPage(other.browser);
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
    const shown = (): Promise<string> => importPage(browser);
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
    const shown = (): Promise<string> => importPage(again.browser);
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
    const token = /name="_token" value="([^"]+)"/.exec(await importPage(browser))![1]!;
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

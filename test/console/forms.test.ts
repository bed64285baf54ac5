// The console below its pages: who gets in, what a form needs, what a page may do in a browser.
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { command } from "../support/command.ts";
import { serveHere } from "../support/here.ts";
import { type KeyedServer, nobodys, serveWithKeys, speak } from "../support/people.ts";
import { SECRET, sharedSession } from "../support/shared-session.ts";

/** A browser without a page: keeps its cookie, follows no redirect. */
function browserAt(url: string) {
  const { origin } = new URL(url);
  let cookie = "";
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (cookie !== "") headers.set("cookie", cookie);
    const response = await fetch(new URL(path, origin), { ...init, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) cookie = line.split(";", 1)[0]!;
    return response;
  };
  const get = (path: string): Promise<Response> => ask(path);
  const token = async (path: string): Promise<string> =>
    /name="_token" value="([^"]+)"/.exec(await (await get(path)).text())?.[1] ?? "";
  return {
    get,
    cookie: () => cookie,
    /** Send a form as its page does, or as told. */
    post: (
      path: string,
      fields: Record<string, string>,
      headers: Record<string, string> = { origin },
    ) => ask(path, { method: "POST", body: new URLSearchParams(fields), headers }),
    /** Send a form with a file, and the token of its page or another one. */
    async upload(content: string, sent?: string) {
      const form = new FormData();
      form.set("_token", sent ?? (await token("/console/import")));
      form.set("format", "auto");
      form.set("file", new File([content], "export.jsonl"));
      return ask("/console/import", { method: "POST", body: form, headers: { origin } });
    },
    /** Send a form with the token of a page. */
    async send(from: string, path: string, fields: Record<string, string> = {}) {
      return this.post(path, { ...fields, _token: await token(from) });
    },
  };
}

async function signedIn(server: KeyedServer, principal: string, scope?: "read" | "admin") {
  const browser = browserAt(server.url);
  const key = await server.key(principal, { ...(scope && { scope }) });
  const answer = await browser.post("/console/sign-in", { key });
  expect(answer.status).toBe(303);
  return { browser, key };
}

describe("the sign-in", () => {
  it("is asked for on every page and form once there is a key, and leads back", async () => {
    const { url } = await serveWithKeys();
    const browser = browserAt(url);
    for (const path of [
      "/console",
      "/console/sessions?q=a",
      "/console/keys",
      `/console/sessions/${nobodys()}`,
    ]) {
      const answer = await browser.get(path);
      expect(answer.status).toBe(303);
      expect(answer.headers.get("location")).toBe(
        `/console/sign-in?next=${encodeURIComponent(path)}`,
      );
    }
    expect(
      (await browser.post("/console/keys", { principal: "eve" })).headers.get("location"),
    ).toBe("/console/sign-in");
  });

  it("takes a key, keeps it out of the cookie, and ends with the key", async () => {
    const server = await serveWithKeys();
    const { browser, key } = await signedIn(server, "ana");
    expect(key).not.toContain(browser.cookie().split("=")[1]);
    expect((await browser.get("/console/sessions")).status).toBe(200);
    const id = key.split("_")[1]!;
    await server.app.keys.revoke(id);
    expect((await browser.get("/console/sessions")).status).toBe(303);
  });

  it("sets a cookie that scripts cannot read and other sites cannot send", async () => {
    const server = await serveWithKeys({
      ...{ "public-url": "https://memory.example.org", "insecure-no-auth": true },
    });
    const key = await server.key("ana");
    const answer = await fetch(new URL("/console/sign-in", server.url), {
      method: "POST",
      body: new URLSearchParams({ key }),
      headers: { origin: "https://memory.example.org" },
      redirect: "manual",
    });
    const cookie = answer.headers.getSetCookie()[0];
    for (const part of ["HttpOnly", "SameSite=Strict", "Secure", "Path=/console", "Expires="])
      expect(cookie).toContain(part);
  });

  it("leads nowhere but to the console", async () => {
    const server = await serveWithKeys();
    const key = await server.key("ana");
    for (const next of ["https://evil.example", "//evil.example", "/consolex", "/mcp"]) {
      const answer = await browserAt(server.url).post("/console/sign-in", { key, next });
      expect(answer.headers.get("location")).toBe("/console");
    }
    const answer = await browserAt(server.url).post("/console/sign-in", {
      key,
      next: "/console/keys",
    });
    expect(answer.headers.get("location")).toBe("/console/keys");
  });

  it("keeps the browser's connection where strangers take all others", async () => {
    const server = await serveWithKeys({ "max-connections": 5 });
    const { browser } = await signedIn(server, "ana");
    const { hostname, port, host } = new URL(server.url);
    const open = (): Socket => {
      const socket = connect(Number(port), hostname);
      onTestFinished(() => void socket.destroy());
      return socket.on("error", () => undefined);
    };
    const hers = open().setEncoding("utf8");
    const look = async (): Promise<string> => {
      hers.write(
        `GET /console/keys HTTP/1.1\r\nHost: ${host}\r\nCookie: ${browser.cookie()}\r\n\r\n`,
      );
      return String((await once(hers, "data"))[0]).slice(0, 12);
    };
    expect(await look()).toBe("HTTP/1.1 403"); // her key may not
    const strangers = Array.from({ length: 12 }, () => open().resume());
    await expect
      .poll(() => strangers.filter(({ closed }) => closed).length)
      .toBeGreaterThanOrEqual(8);
    expect(await look()).toBe("HTTP/1.1 403");
  });

  it("refuses wrong keys, and after ten of them everything from that address for a minute", async () => {
    const server = await serveWithKeys();
    const key = await server.key("ana");
    const browser = browserAt(server.url);
    for (let n = 0; n < 10; n += 1)
      expect((await browser.post("/console/sign-in", { key: `${key}x` })).status).toBe(401);
    expect((await browser.post("/console/sign-in", { key })).status).toBe(429);
  });

  it("by a link works once, by its button only", async () => {
    const { url, app } = await serveWithKeys();
    const secret = await app.browserSessions.link({ principal: "local", scope: "admin" });
    const path = `/console/link/${secret}`;
    const browser = browserAt(url);
    expect((await browser.get(path)).status).toBe(200);
    expect((await browser.get(path)).status).toBe(200);
    expect((await browser.post(path, {})).headers.get("location")).toBe("/console");
    expect((await browser.get("/console/keys")).status).toBe(200);
    expect((await browserAt(url).get(path)).status).toBe(404);
    expect((await browserAt(url).post(path, {})).status).toBe(404);
  });

  it("by a link is what the command prints, where keys are used", async () => {
    const { url, folder } = await serveWithKeys();
    const { port } = new URL(url);
    const printed = async (...more: string[]) => {
      const args = ["console", "--json", "--data-dir", folder, "--port", port, ...more];
      const { code, stdout } = await command(args);
      expect(code).toBe(0);
      return JSON.parse(stdout) as { url: string; once: boolean };
    };
    const operator = await printed();
    expect(operator.once).toBe(true);
    const browser = browserAt(url);
    await browser.post(new URL(operator.url).pathname, {});
    expect((await browser.get("/console/keys")).status).toBe(200);
    const ana = browserAt(url);
    await ana.post(new URL((await printed("--principal", "ana")).url).pathname, {});
    expect((await ana.get("/console/keys")).status).toBe(403);
    const open = await serveHere();
    const args = ["console", "--data-dir", open.folder, "--port", new URL(open.url).port];
    expect((await command(args)).stdout.trim()).toBe(new URL("/console", open.url).href);
  });

  it("ends with the sign-out, for the cookie too", async () => {
    const server = await serveWithKeys();
    const { browser } = await signedIn(server, "ana");
    const cookie = browser.cookie();
    await browser.send("/console/sessions", "/console/sign-out");
    const answer = await fetch(new URL("/console/sessions", server.url), {
      headers: { cookie },
      redirect: "manual",
    });
    expect(answer.status).toBe(303);
  });

  it("is not asked for where nobody is, and the first key does not shut out who makes it", async () => {
    const { url, app } = await serveHere();
    const browser = browserAt(url);
    expect((await browser.get("/console/sessions")).status).toBe(200);
    const made = await browser.send("/console/keys", "/console/keys", {
      ...{ principal: "ana", scope: "write", days: "" },
    });
    expect(await made.text()).toMatch(/hf_[0-9a-f]{12}_/);
    expect(await app.authenticator.required()).toBe(true);
    expect((await browser.get("/console/keys")).status).toBe(200);
    expect((await browserAt(url).get("/console/keys")).status).toBe(303);
  });
});

describe("a form", () => {
  it("changes nothing without the page's token, or from another site", async () => {
    const server = await serveWithKeys();
    const ana = await server.person("ana");
    const session = await sharedSession(ana);
    const { browser } = await signedIn(server, "ana");
    const { browser: other } = await signedIn(server, "ana");
    const path = `/console/sessions/${session}/delete`;
    const here = `/console/sessions/${session}`;
    const foreign = /value="([^"]+)"/.exec(
      /name="_token" value="[^"]+"/.exec(await (await other.get(here)).text())![0],
    )![1]!;
    const mine = /name="_token" value="([^"]+)"/.exec(await (await browser.get(here)).text())![1]!;
    expect((await browser.post(path, {})).status).toBe(403);
    expect((await browser.post(path, { _token: foreign })).status).toBe(403);
    expect((await browser.post(path, { _token: mine }, {})).status).toBe(403);
    expect((await browser.post(path, { _token: mine }, { origin: "null" })).status).toBe(403);
    expect(
      (await browser.post(path, { _token: mine }, { origin: "https://evil.example" })).status,
    ).toBe(403);
    expect((await browser.get(here)).status).toBe(200);
    expect((await browser.post(path, { _token: mine })).status).toBe(303);
    expect((await browser.get(here)).status).toBe(404);
  });

  it("larger than max-body is refused", async () => {
    const { url } = await serveHere({ config: { "max-body": "10kb" } });
    const answer = await browserAt(url).post("/console/sign-in", { key: "x".repeat(20_000) });
    expect(answer.status).toBe(413);
  });
});

describe("whose conversations", () => {
  it("a stranger's page answers like one of nothing, for reading and for every form", async () => {
    const server = await serveWithKeys();
    const session = await sharedSession(await server.person("ana"));
    const { browser } = await signedIn(server, "sven");
    const forms = [
      "pin",
      "rename",
      "clear",
      "delete",
      "fork",
      "share",
      "unshare",
      "state",
      "messages/1/delete",
    ];
    const nothing = nobodys();
    const said = async (answer: Response, id: string): Promise<unknown> => [
      answer.status,
      (await answer.text()).replaceAll(id, "ID"),
    ];
    for (const path of ["", "/since/0", "/export"]) {
      const answer = await browser.get(`/console/sessions/${session}${path}`);
      expect(answer.status).toBe(404);
      const other = await browser.get(`/console/sessions/${nothing}${path}`);
      expect(await said(answer, session)).toEqual(await said(other, nothing));
    }
    for (const form of forms) {
      const at = (id: string) =>
        browser.send("/console/sessions", `/console/sessions/${id}/${form}`, { key: "k" });
      const answer = await at(session);
      expect(answer.status).toBe(404);
      expect(await said(answer, session)).toEqual(await said(await at(nothing), nothing));
    }
    const everything = await Promise.all(
      ["sessions", `search?q=${SECRET}`, "keys"].map(async (path) =>
        (await browser.get(`/console/${path}`)).text(),
      ),
    );
    expect(everything.join()).not.toContain(session);
  });

  it("who may only read gets no forms, and is refused where one is sent all the same", async () => {
    const server = await serveWithKeys();
    const session = await sharedSession(await server.person("ana"));
    const rita = await server.person("rita");
    const { browser } = await signedIn(server, "rita");
    const here = `/console/sessions/${session}`;
    const page = await (await browser.get(here)).text();
    expect(page).toContain(SECRET);
    expect(page).not.toMatch(/Delete message|Store<|Rename/);
    for (const [form, fields] of [
      ["rename", { title: "mine" }],
      ["state", { key: "k", value: "1", version: "0" }],
      ["messages/1/delete", {}],
      ["share", { principal: "zoe" }],
    ] as const) {
      expect((await browser.send("/console/sessions", `${here}/${form}`, fields)).status).toBe(403);
    }
    expect((await rita.call("session_info", { session })).messages.at(-1)).toBeDefined();
  });

  it("a key that only reads changes nothing, also of its own", async () => {
    const server = await serveWithKeys();
    const session = await sharedSession(await server.person("ana"));
    const { browser } = await signedIn(server, "ana", "read");
    const here = `/console/sessions/${session}`;
    expect((await browser.send("/console/sessions", `${here}/pin`, { pinned: "yes" })).status).toBe(
      403,
    );
    expect((await browser.send("/console/sessions", `${here}/fork`)).status).toBe(403);
    expect((await browser.send("/console/sessions", `${here}/delete`)).status).toBe(403);
    expect((await browser.get(here)).status).toBe(200);
  });

  it("keys are the operator's alone", async () => {
    const server = await serveWithKeys();
    const { browser } = await signedIn(server, "ana");
    expect((await browser.get("/console/keys")).status).toBe(403);
    const made = await browser.send("/console/sessions", "/console/keys", {
      ...{ principal: "ana", scope: "admin", days: "" },
    });
    expect(made.status).toBe(403);
    const { browser: operator } = await signedIn(server, "root", "admin");
    expect((await operator.get("/console/keys")).status).toBe(200);
  });
});

describe("a page", () => {
  it("sits in no frame, runs nothing of others, and is kept by no cache", async () => {
    const { url } = await serveHere();
    const browser = browserAt(url);
    for (const path of ["/console/sessions", "/console/sign-in", "/console/nothing"]) {
      const { headers } = await browser.get(path);
      const policy = headers.get("content-security-policy");
      expect(policy).toContain("default-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("unsafe");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("cache-control")).toBe("no-store");
    }
    const page = await (await browser.get("/console/sessions")).text();
    for (const [, path] of page.matchAll(/(?:src|href)="(\/console\/assets\/[^"]+)"/g)) {
      const asset = await browser.get(path!);
      expect(asset.status).toBe(200);
      expect(asset.headers.get("cache-control")).toContain("immutable");
    }
  });

  it("is not there with --console false, and a browser is told how to connect instead", async () => {
    const { url } = await serveHere({ config: { console: false } });
    const html = { accept: "text/html" };
    expect((await fetch(new URL("/console", url), { headers: html })).status).toBe(404);
    const start = await fetch(new URL("/", url), { headers: html, redirect: "manual" });
    expect(await start.text()).toContain("The address for programs");
  });
});

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
});

describe("a file that is sent", () => {
  const uploads = (): string[] =>
    readdirSync(tmpdir()).filter((name) => name.startsWith("holdfast-upload-"));

  it("is refused without the page's token, without the right to write, and beyond max-upload; nothing of it stays", async () => {
    const server = await serveWithKeys({ "max-upload": 1_000 });
    const before = uploads();
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
    expect(uploads()).toEqual(before);
  });

  it("is its sender's alone, in place of the one before, and goes when the server stops", async () => {
    const server = await serveWithKeys();
    const before = uploads();
    const [ana, bob] = [await signedIn(server, "ana"), await signedIn(server, "bob")];
    const person = await speak(server.url, "2026", ana.key);
    await person.at("name=one").call("history_append", { role: "user", content: "Hello" });
    const { session } = (await person.at("name=one").call("session_info")).data;
    const exported = await ana.browser.get(`/console/sessions/${String(session)}/export`);
    const file = await exported.text();
    const shown = async ({ browser }: typeof ana): Promise<string> =>
      (await browser.get("/console/import")).text();
    for (let n = 0; n < 2; n += 1) {
      expect((await ana.browser.upload(file)).status).toBe(303);
      await expect.poll(() => shown(ana)).toContain("Would import 0 sessions");
    }
    expect(uploads().length).toBe(before.length + 1);
    expect(await shown(bob)).not.toContain("export.jsonl");
    await bob.browser.send("/console/import", "/console/import/start");
    await server.app.stop();
    expect(uploads()).toEqual(before);
  });

  it("that breaks off leaves nothing, and the server goes on", async () => {
    const server = await serveWithKeys();
    const before = uploads();
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
      await expect.poll(() => uploads().length).toBe(before.length + 1);
      socket.destroy();
      await expect.poll(uploads).toEqual(before);
    }
    const headers = { origin, cookie: browser.cookie(), "content-type": "multipart/form-data" };
    const without = await fetch(new URL("/console/import", origin), {
      ...{ method: "POST", body: "x", headers },
    });
    expect(without.status).toBe(400);
    expect(uploads()).toEqual(before);
    expect((await browser.get("/console/import")).status).toBe(200);
  });
});

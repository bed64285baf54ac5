// The console below its pages: who gets in, what a form needs, what a page may do in a browser.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { command } from "../support/command.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { nobodys, serveWithKeys } from "../support/people.ts";
import { browserAt, signedIn } from "../support/plain-browser.ts";
import { startServer } from "../support/process.ts";
import { SECRET, sharedSession } from "../support/shared-session.ts";

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

  it("leads where it was to, also after a wrong key", async () => {
    const { url } = await serveWithKeys();
    const next = "/console/search?q=beans";
    const answer = await browserAt(url).post("/console/sign-in", { key: "hf_wrong", next });
    expect(answer.status).toBe(401);
    expect(await answer.text()).toContain(`name="next" value="${next}"`);
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
    const asks = /data-confirm="[^"]*Conversations so far belong to local/;
    const give = "sessions give --all --from local --to ana";
    expect(await (await browser.get("/console/keys")).text()).toMatch(asks);
    const made = await browser.send("/console/keys", "/console/keys", {
      ...{ principal: "ana", scope: "write", days: "" },
    });
    const text = await made.text();
    expect(text).toMatch(/hf_[0-9a-f]{12}_/);
    expect(text).toContain(give);
    expect(text).not.toMatch(asks);
    const second = await browser.send("/console/keys", "/console/keys", {
      ...{ principal: "ana", scope: "write", days: "" },
    });
    expect(await second.text()).not.toContain(give);
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

  it("for several conversations asks for one where none is chosen", async () => {
    const { browser } = await signedIn(await serveWithKeys(), "ana");
    for (const wanted of ["delete", "export"]) {
      const answer = await browser.send("/console/sessions", "/console/sessions", { do: wanted });
      expect([answer.status, await answer.text()]).toEqual([
        400,
        expect.stringContaining("Choose at least one conversation."),
      ]);
    }
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
  it("names commands as a shell takes them where the server runs from a clone", async () => {
    const program = [process.execPath, join(import.meta.dirname, "../../bin/holdfast.js")];
    const { url } = await startServer({ folder: temporaryFolder(), program });
    const browser = browserAt(url);
    const commands: string[] = [];
    for (const path of [
      "sign-in",
      "health",
      "connect?program=claude-desktop",
      "connect?program=cursor",
    ]) {
      const page = await (await browser.get(`/console/${path}`)).text();
      commands.push(
        ...[...page.matchAll(/<code\s*>((?:npx --no )?holdfast [^<]*)/g)].map(
          ([, command]) => command!,
        ),
      );
    }
    const made = await browser.send("/console/keys", "/console/keys", {
      principal: "ana",
      scope: "write",
      days: "",
    });
    commands.push(/>([^>]*sessions give[^<]*)</.exec(await made.text())![1]!);
    expect(commands.length).toBeGreaterThan(4);
    expect(commands.filter((command) => !command.startsWith("npx --no holdfast "))).toEqual([]);
  });

  it("offers no program the key that reads numbers only", async () => {
    const { browser } = await signedIn(await serveWithKeys(), "root", "admin");
    const fields = { principal: "prometheus", scope: "metrics", days: "" };
    const made = await (await browser.send("/console/keys", "/console/keys", fields)).text();
    expect(made).toContain("opens no conversation");
    expect(made).not.toContain("mcpServers");
  });

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

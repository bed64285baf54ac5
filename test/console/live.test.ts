// The stream that tells an open page which of its parts have changed, on both storage engines, and pages that live on it.
import { once } from "node:events";
import { createServer, request } from "node:http";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { Page } from "playwright-core";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import type { Settings } from "../../src/config/config.ts";
import { defineTool } from "../../src/index.ts";
import { bearer } from "../support/bearer.ts";
import { hasBrowser, unless, usingBrowser } from "../support/browser.ts";
import { dataFolder } from "../support/folder.ts";
import { gate, serveHere } from "../support/here.ts";
import { serveWithKeys, speak } from "../support/people.ts";
import { browserAt, signedIn } from "../support/plain-browser.ts";
import { listenLocally } from "../support/ports.ts";
import { emptyDatabase } from "../support/postgres.ts";
import { startServer } from "../support/process.ts";

const ENGINES: Readonly<Record<string, () => Promise<Settings>>> = {
  SQLite: async () => Promise.resolve({}),
  PostgreSQL: async () => ({ "database-url": (await emptyDatabase()).url }),
};

/** A tool that reports its half after `wait`, and goes on until it is cancelled. */
const halfDone = (wait: Promise<void>) =>
  defineTool({
    ...{ name: "slow", description: "Waits.", session: "none", input: z.object({}) },
    async handler({ signal, progress }) {
      await wait;
      await progress(1, 2, "half");
      await once(signal, "abort");
      signal.throwIfAborted();
      return "never";
    },
  });

const liveAt = (...parts: readonly string[]): string =>
  `/console/live?${new URLSearchParams(parts.map((part) => ["part", part])).toString()}`;

/** The parts that a stream names, as they come, and its end. */
function follow({ status, headers, body }: Response) {
  expect([status, headers.get("content-type"), headers.get("x-accel-buffering")]).toEqual([
    ...[200, "text/event-stream", "no"],
  ]);
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
  const close = (): Promise<void> => reader.cancel();
  onTestFinished(close);
  const named: string[] = [];
  const read = async (): Promise<void> => {
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const lines = text.split("\n");
      text = lines.pop()!;
      named.push(...lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)));
    }
  };
  return { named, close, ended: read() };
}

async function program(url: string, name: string, key?: string): Promise<Client> {
  const client = new Client({ name: "editor", version: "1" });
  const address = new URL(url);
  address.searchParams.set("name", name);
  const requestInit = { headers: bearer(key) };
  await client.connect(new StreamableHTTPClientTransport(address, { requestInit }));
  onTestFinished(() => client.close());
  return client;
}

const say = (client: Client, content: string) =>
  client.callTool({ name: "history_append", arguments: { role: "user", content } });

const sessionOf = async (client: Client): Promise<string> => {
  const { structuredContent } = await client.callTool({ name: "session_info", arguments: {} });
  return (structuredContent as { session: string }).session;
};

describe.each(Object.keys(ENGINES))("the stream of an open page on %s", (engine) => {
  it("names what a program has written into, and tells others nothing", async () => {
    const server = await serveWithKeys(await ENGINES[engine]!());
    const [ana, bob] = [await signedIn(server, "ana"), await signedIn(server, "bob")];
    const hers = await program(server.url, "hers", ana.key);
    await say(hers, "Hello");
    // Bob's program holds no connection, whose beginning would be activity of his.
    const his = (await speak(server.url, "2026", bob.key)).at("name=his");
    const { data } = await his.call("history_append", { role: "user", content: "Hello" });
    const anas = `session/${await sessionOf(hers)}`;
    const bobs = `session/${String(data["session"])}`;
    const parts = [anas, "activity", bobs];
    const seen = follow(await ana.browser.get(liveAt(...parts)));
    const foreign = follow(await bob.browser.get(liveAt(...parts)));
    await expect.poll(() => [seen.named.length, foreign.named.length]).toEqual([3, 3]);
    expect(seen.named).toEqual(parts);
    for (const n of [1, 2]) {
      await say(hers, `Line ${n}`);
      await expect.poll(() => seen.named.filter((part) => part === anas).length).toBe(1 + n);
    }
    expect(seen.named.filter((part) => part === "activity").length).toBeGreaterThan(1);
    expect(seen.named.filter((part) => part === bobs).length).toBe(1);
    // A question from the page is no call of a program: it changes nothing else that Bob sees.
    const path = `/console/sessions/${bobs.slice("session/".length)}`;
    await bob.browser.send(path, `${path}/ask`, { prompt: "Who said hello?" });
    await expect.poll(() => foreign.named.slice(3)).toContain(bobs);
    expect(new Set(foreign.named.slice(3))).toEqual(new Set([bobs]));
  });

  it("ends with the sign-in, with its key, and with the server", async () => {
    const server = await serveWithKeys(await ENGINES[engine]!());
    const [ana, bob] = [await signedIn(server, "ana"), await signedIn(server, "bob")];
    const operator = await signedIn(server, "op", "admin");
    const open = async ({ browser }: typeof ana) => {
      const stream = follow(await browser.get(liveAt("activity")));
      await expect.poll(() => stream.named).toContain("activity");
      return stream;
    };
    const [hers, his, last] = [await open(ana), await open(bob), await open(operator)];
    await ana.browser.send("/console/account", "/console/sign-out");
    await hers.ended;
    expect((await ana.browser.get(liveAt("activity"))).status).toBe(303);
    const key = (await server.app.keys.list()).find(({ principal }) => principal === "bob")!;
    await server.app.keys.revoke(key.id);
    await his.ended;
    const stopping = server.app.stop();
    await last.ended;
    await stopping;
  });

  it("names what another process has changed", async () => {
    const { "database-url": url } = (await ENGINES[engine]!()) as { "database-url"?: string };
    const place = { folder: url ?? dataFolder() };
    const [one, other] = [await startServer(place), await startServer(place)];
    const client = await program(other.url, "work");
    await say(client, "Hello");
    const part = `session/${await sessionOf(client)}`;
    const { named } = follow(await browserAt(one.url).get(liveAt(part)));
    await expect.poll(() => named).toEqual([part]);
    await say(client, "Hello again");
    await expect.poll(() => named).toEqual([part, part]);
  });
});

describe("the streams of open pages", () => {
  it("are bounded for a browser and for a principal, and make room when they end", async () => {
    const server = await serveWithKeys();
    const { browser, key } = await signedIn(server, "ana");
    const first = follow(await browser.get(liveAt("activity")));
    for (let n = 1; n < 4; n += 1) follow(await browser.get(liveAt("activity")));
    expect((await browser.get(liveAt("activity"))).status).toBe(204);
    await first.close();
    await expect
      .poll(async () => {
        const answer = await browser.get(liveAt("activity"));
        if (answer.status === 200) follow(answer);
        return answer.status;
      })
      .toBe(200);
    const held: Response[] = []; // a response that nobody holds any more ends
    for (let b = 0; b < 8; b += 1) {
      const further = browserAt(server.url);
      await further.post("/console/sign-in", { key });
      for (let n = 0; n < 4; n += 1) held.push(await further.get(liveAt("activity")));
    }
    onTestFinished(() => void held.forEach(({ body }) => void body?.cancel()));
    expect(held.map(({ status }) => status)).toEqual([
      ...Array(28).fill(200),
      ...Array(4).fill(204),
    ]);
    const bob = await signedIn(server, "bob");
    expect((await bob.browser.get(liveAt("activity"))).status).toBe(200);
  });

  it("are not begun by a request for the headers alone", async () => {
    const server = await serveWithKeys();
    const { browser } = await signedIn(server, "ana");
    const address = new URL(liveAt("activity"), server.url);
    const headers = { cookie: browser.cookie() };
    for (let n = 0; n < 5; n += 1)
      expect((await fetch(address, { method: "HEAD", headers })).status).toBe(200);
    for (let n = 0; n < 4; n += 1) follow(await browser.get(liveAt("activity")));
  });

  it("are of parts that pages have", async () => {
    const { url } = await serveHere();
    const browser = browserAt(url);
    for (const path of [
      "/console/live",
      liveAt("constructor"),
      liveAt("activity", "import", "backups", "session/1", "session/2"),
    ])
      expect([path, (await browser.get(path)).status]).toEqual([path, 400]);
    const none = follow(await browser.get(liveAt("session/none", "connected/x/no%name/")));
    await expect.poll(() => none.named).toEqual(["session/none", "connected/x/no%name/"]);
  });

  it("name the calls of programs while they report progress", async () => {
    const { wait, open } = gate();
    const slow = halfDone(wait);
    const server = await serveWithKeys({}, { tools: [slow] });
    const { browser, key } = await signedIn(server, "ana");
    const { named } = follow(await browser.get(liveAt("activity")));
    await expect.poll(() => named.length).toBe(1);
    const asked = (await speak(server.url, "2026", key)).call("slow");
    const shown = async (): Promise<string> => (await browser.get("/console/activity")).text();
    await expect.poll(shown).toContain("Stop slow");
    await expect.poll(() => named.length).toBe(2);
    open();
    await expect.poll(() => named.length).toBe(3);
    expect(await shown()).toContain("half");
    const path = /\/console\/activity\/[-0-9a-f]+\/stop/.exec(await shown())![0];
    await browser.send("/console/activity", path);
    await asked;
  });
});

const open = usingBrowser();

describe.skipIf(!hasBrowser)(`open pages of one browser${unless}`, () => {
  /** A page with the conversation; its stream, as the server has answered it. */
  async function show(page: Page, address: string): Promise<number> {
    const answer = page.waitForResponse(/\/console\/live/);
    await page.goto(address);
    return (await answer).status();
  }

  it("go on in more windows than a browser has connections, and leave their streams out of sight", async () => {
    const { url } = await serveHere();
    const client = await program(url, "work");
    await say(client, "What is the plan?");
    const address = new URL(`/console/sessions/${await sessionOf(client)}`, url).href;
    const first = await open();
    const pages = [first];
    while (pages.length < 7) pages.push(await first.context().newPage());
    const statuses: number[] = [];
    for (const page of pages) statuses.push(await show(page, address));
    expect(statuses).toEqual([200, 200, 200, 200, 204, 204, 204]);
    await say(client, "To sow.");
    for (const page of pages) await page.getByText("To sow.").waitFor();
    const again = pages[6]!.waitForResponse(
      (answer) => answer.url().includes("/console/live") && answer.status() === 200,
    );
    const hide = (hidden: boolean): Promise<void> =>
      first.evaluate((value) => {
        Object.defineProperty(document, "hidden", { value, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, hidden);
    for (const page of pages.slice(4, 6)) await page.close();
    await hide(true);
    await again;
    await say(client, "To reap.");
    await pages[6]!.getByText("To reap.").waitFor();
    expect(await first.getByText("To reap.").count()).toBe(0);
    await hide(false);
    await first.getByText("To reap.").waitFor();
  });

  it("leave the focus where it is when what they show is fetched anew", async () => {
    const { wait, open: goOn } = gate();
    const slow = halfDone(wait);
    const { url } = await serveHere({ tools: [slow] });
    const client = await program(url, "work");
    const call = client.callTool({ name: "slow" });
    const page = await open();
    await page.goto(new URL("/console/activity", url).href);
    const stop = page.getByRole("button", { name: "Stop slow" });
    await stop.focus();
    goOn();
    await page.getByText("half").waitFor();
    await expect.poll(() => stop.evaluate((button) => button.matches(":focus"))).toBe(true);
    await page.keyboard.press("Enter");
    await page.getByText("No call is running.").waitFor();
    await call.catch(() => undefined);
  });

  it("ask by themselves behind a proxy that holds their stream up", async () => {
    const { url } = await serveHere();
    const client = await program(url, "work");
    await say(client, "What is the plan?");
    const proxy = createServer((incoming, outgoing) => {
      const { method, headers } = incoming;
      const further = request(new URL(incoming.url!, url), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode!, answer.headers).flushHeaders();
        if (incoming.url!.startsWith("/console/live")) answer.resume();
        else answer.pipe(outgoing);
      });
      incoming.pipe(further);
      outgoing.on("close", () => further.destroy());
    });
    const port = await listenLocally(proxy);
    onTestFinished(() => {
      proxy.close();
      proxy.closeAllConnections();
    });
    const page = await open();
    const path = `/console/sessions/${await sessionOf(client)}`;
    expect(await show(page, `http://127.0.0.1:${port}${path}`)).toBe(200);
    await say(client, "To sow.");
    await page.getByText("To sow.").waitFor();
  });

  it("lead to the sign-in when theirs has ended elsewhere", async () => {
    const server = await serveWithKeys();
    const page = await open();
    const key = await server.key("ana");
    await page.goto(new URL("/console", server.url).href);
    await page.getByLabel("API key").fill(key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(/connect$/);
    const waiting = page.waitForResponse(/\/console\/live/);
    await page.getByRole("link", { name: "Activity" }).click();
    await waiting;
    const { browser } = await signedIn(server, "ana");
    await browser.send("/console/account", "/console/account/sign-out-others");
    await page.waitForURL(/\/sign-in/);
  });
});

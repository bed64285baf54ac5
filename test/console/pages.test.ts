// The console as people use it, in a real browser beside real clients.
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { Page } from "playwright-core";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { hasBrowser, unless, usingBrowser } from "../support/browser.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gate, serveHere } from "../support/here.ts";
import { says, startModel } from "../support/model-server.ts";
import { type Person, serveWithKeys, speak } from "../support/people.ts";
import { startServer } from "../support/process.ts";
import { zip } from "../support/zip.ts";

const open = usingBrowser();

const at = (url: string, path: string): string => new URL(`/console${path}`, url).href;

/** A program that is connected to this conversation. */
async function program(url: string, name: string): Promise<Client> {
  const client = new Client({ name: "editor", version: "1" });
  const address = new URL(url);
  address.searchParams.set("name", name);
  await client.connect(new StreamableHTTPClientTransport(address));
  onTestFinished(() => client.close());
  return client;
}

/** A conversation as Claude exports it. */
const chat = (name: string, texts: readonly string[]) => ({
  uuid: randomUUID(),
  name,
  created_at: "2026-03-01T10:00:00Z",
  updated_at: "2026-03-01T10:05:00Z",
  chat_messages: texts.map((text, n) => ({
    ...{ uuid: randomUUID(), text, sender: n % 2 === 0 ? "human" : "assistant" },
    created_at: `2026-03-01T10:00:0${n}Z`,
  })),
});

const say = (client: Client, content: string, role = "user") =>
  client.callTool({ name: "history_append", arguments: { role, content } });

describe.skipIf(!hasBrowser)(`the console in a browser${unless}`, () => {
  it("leads from the server's address to a connected client", async () => {
    const { url } = await serveHere();
    const page = await open();
    await page.goto(new URL("/", url).href);
    expect(page.url()).toBe(at(url, "/connect"));
    await page.getByLabel("Program").selectOption("cursor");
    await page.waitForURL(/program=cursor/);
    await page.getByLabel("Name of the conversation").fill("garden");
    await page.getByRole("button", { name: "Show" }).click();
    await page.waitForURL(/name=garden/);
    const text = await page.locator("pre[data-copy]").innerText();
    const { mcpServers } = JSON.parse(text) as { mcpServers: { holdfast: { url: string } } };
    await page.getByText("Waiting for a program").waitFor();
    const client = await program(mcpServers.holdfast.url, "garden");
    await say(client, "The beans are sown.");
    await page.getByText("Connected ✓").waitFor();
    await page.getByRole("link", { name: "Open the conversation" }).click();
    await page.getByText("The beans are sown.").waitFor();
  });

  it("shows a conversation while it is written, and the place that a link names", async () => {
    const { url } = await serveHere();
    const client = await program(url, "work");
    await say(client, "What is the plan?");
    const page = await open();
    await page.goto(at(url, "/sessions"));
    await page.getByRole("link", { name: "work" }).click();
    await page.getByText("What is the plan?").waitFor();
    await say(client, "First `npm test`:\n\n```js\nconst a = 1;\n```", "assistant");
    await page.locator("#m2 code.language-js, #m2 pre code").first().waitFor();
    expect(await page.locator("#m2 .hljs-keyword").innerText()).toBe("const");
    const here = page.url();
    await page.goto(at(url, "/search")); // an open page would load itself anew
    for (let n = 3; n <= 70; n += 1) await say(client, `Line ${n}`);
    await page.goto(`${here}?at=5#m5`);
    await page.locator("#m5:target").waitFor();
    expect(await page.locator("#m70").count()).toBe(0);
    await page.getByRole("link", { name: "To the newest messages" }).click();
    await page.locator("#m70").waitFor();
    await page.getByRole("link", { name: "Earlier messages" }).click();
    await page.locator("#m1").waitFor();
  });

  it("leads to a message by its number", async () => {
    const { url } = await serveHere();
    const editor = await program(url, "long");
    for (let n = 1; n <= 60; n++) await say(editor, `line ${n}`);
    const page = await open({ viewport: { width: 1000, height: 500 } });
    await page.goto(at(url, "/sessions"));
    await page.getByRole("link", { name: "long" }).click();
    await page.getByLabel("Message number").fill("30");
    await page.keyboard.press("Enter");
    await page.waitForURL(/#m30$/);
    const top = (): Promise<number> =>
      page.locator("#m30").evaluate((one) => one.getBoundingClientRect().top);
    await expect.poll(top).toBeLessThan(500);
  });

  it("keeps a value that is no JSON in its field until it is one", async () => {
    const { url } = await serveHere();
    const editor = await program(url, "work");
    await editor.callTool({ name: "state_set", arguments: { key: "beds", value: [1] } });
    const page = await open();
    page.on("dialog", (dialog) => void dialog.accept());
    await page.goto(at(url, "/sessions"));
    await page.getByRole("link", { name: "work" }).click();
    await page.getByText("beds", { exact: true }).click();
    const field = page.getByLabel("Value of beds");
    await field.fill("[1, 2");
    await page.getByRole("button", { name: "Store" }).first().click();
    expect(await field.inputValue()).toBe("[1, 2");
    await field.fill("[1, 2]");
    await page.getByRole("button", { name: "Store" }).first().click();
    await page.getByText("version 2").click();
    await field.fill("[1,");
    await page.locator("details.key").getByRole("button", { name: "Delete" }).click();
    await page.getByText("No keys.").waitFor();
  });

  it("shows a part of the list without JavaScript, too", async () => {
    const { url } = await serveHere();
    for (const name of ["one", "two"]) await say(await program(url, name), name);
    const page = await open({ javaScriptEnabled: false });
    await page.goto(at(url, "/sessions"));
    await page.getByLabel("Show").selectOption("pinned");
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByText("You have pinned none.").waitFor();
  });

  it("moves through the list by the arrow keys, from link to link and from box to box", async () => {
    const { url } = await serveHere();
    for (const name of ["one", "two", "three"]) await say(await program(url, name), name);
    const page = await open();
    await page.goto(at(url, "/sessions"));
    const boxes = page.getByRole("checkbox");
    await boxes.first().focus();
    for (const key of ["Space", "ArrowDown", "ArrowDown", "Space"]) await page.keyboard.press(key);
    await page.getByText("2 chosen").waitFor();
    expect(await boxes.evaluateAll((all) => all.map((box) => box.matches(":checked")))).toEqual([
      true,
      false,
      true,
    ]);
    await page.keyboard.press("/");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL(/sessions\/./);
  });

  it("finds by name while it is typed, by words in messages, and says so where nothing is found", async () => {
    const { url } = await serveHere();
    for (const name of ["garden", "kitchen"])
      await say(await program(url, name), `A ${name} wants patience.`);
    const page = await open();
    await page.goto(at(url, "/sessions"));
    await page.getByLabel("Find by name").pressSequentially("gar");
    await page.getByRole("link", { name: "kitchen" }).waitFor({ state: "detached" });
    expect(await page.locator(".sessions li").count()).toBe(1);
    await page.getByLabel("Find by name").fill("patience");
    await page.getByRole("link", { name: "Search the messages for it" }).click();
    await page.locator(".hits li").nth(1).waitFor();
    expect(await page.locator("mark").first().innerText()).toBe("patience");
    await page.getByLabel("Words in messages").fill("kitchen");
    await page.locator(".hits li").nth(1).waitFor({ state: "detached" });
    await page.locator(".hits a").click();
    await page.locator("#m1:target").waitFor();
  });

  it("exports several conversations in one file that an import takes, and shows the last line of each", async () => {
    const { url } = await serveHere();
    for (const name of ["one", "two", "three"]) {
      const client = await program(url, name);
      await say(client, `First of ${name}`);
      await say(client, `Last of ${name}`);
    }
    const page = await open();
    await page.goto(at(url, "/sessions"));
    await page.locator(".last", { hasText: "Last of two" }).waitFor();
    for (const name of ["one", "three"]) await page.getByLabel(`Choose ${name}`).check();
    const waiting = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export the chosen" }).click();
    const path = await (await waiting).path();
    const other = await serveHere();
    await page.goto(at(other.url, "/import"));
    await page.getByLabel("File:").setInputFiles(path);
    await page.getByRole("button", { name: "Check the file" }).click();
    await page.getByText("Would import 2 sessions (4 messages)").waitFor();
    await page.goto(at(url, "/sessions"));
    await page.getByRole("link", { name: "two" }).click();
    await page.getByLabel("Find inside").fill("first");
    await page.keyboard.press("Enter");
    await page.locator(".hits li").waitFor();
    expect(await page.locator(".hits li").count()).toBe(1);
    await page.locator(".hits a").click();
    await page.locator("#m1:target").waitFor();
  });

  it("deletes several at once, and says how many before", async () => {
    const { url } = await serveHere();
    for (const name of ["one", "two", "three"]) await say(await program(url, name), "Hello");
    const page = await open();
    const questions: string[] = [];
    page.on("dialog", (dialog) => {
      questions.push(dialog.message());
      void dialog.accept();
    });
    await page.goto(at(url, "/sessions"));
    const remove = page.getByRole("button", { name: "Delete them" });
    await page.locator(".bar button:disabled", { hasText: "Delete them" }).waitFor();
    await page.getByLabel("Choose one").check();
    await page.getByLabel("Choose two").check();
    await page.getByText("2 chosen").waitFor();
    await remove.click();
    await page.getByRole("link", { name: "two" }).waitFor({ state: "detached" });
    expect(await page.locator(".sessions li").count()).toBe(1);
    expect(questions).toEqual([expect.stringMatching(/^2 chosen\. Delete/)]);
    await page.getByLabel("Find by name").fill("thr");
    await page.waitForURL(/q=thr/); // a list that comes while somebody types counts anew
    await page.locator(".bar button:disabled", { hasText: "Delete them" }).waitFor();
    await page.getByLabel("Choose three").check();
    await page.getByText("1 chosen").waitFor();
  });

  it("changes a conversation: title, state, pin, fork, export, message, deletion", async () => {
    const { url } = await serveHere();
    const client = await program(url, "work");
    await say(client, "One");
    await say(client, "Two");
    await client.callTool({ name: "state_set", arguments: { key: "day", value: "Friday" } });
    const page = await open();
    page.on("dialog", (dialog) => void dialog.accept());
    await page.goto(at(url, "/sessions"));
    await page.getByRole("link", { name: "work" }).click();

    await page.getByText("Rename").click();
    await page.getByLabel("Title").fill("The release");
    await page.getByLabel("System prompt").locator("xpath=../../button").click();
    await page.getByRole("heading", { name: "The release" }).waitFor();

    await page.getByRole("button", { name: "Pin", exact: true }).click();
    await page.getByRole("button", { name: "Unpin" }).waitFor();

    const key = page.locator("details.key", { hasText: "day" });
    await key.locator("summary").click();
    await client.callTool({ name: "state_set", arguments: { key: "day", value: "Monday" } });
    await key.locator("textarea").fill('"Tuesday"');
    await key.getByRole("button", { name: "Store" }).click();
    await page.getByRole("alert").waitFor(); // somebody else was faster
    await key.locator("summary").click();
    expect(await key.locator("textarea").inputValue()).toContain("Monday");
    await key.locator("textarea").fill('{"day": "Tuesday"}');
    await key.getByRole("button", { name: "Store" }).click();
    await page.getByText("version 3").waitFor();

    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "Export as Markdown" }).click();
    const file = await download;
    expect(file.suggestedFilename()).toBe("The-release.md");
    expect(await readFile(await file.path(), "utf8")).toContain("Two");

    await page.getByRole("button", { name: "Delete message 2" }).click();
    await page.locator("#m2").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Fork" }).click();
    await page.getByRole("heading", { name: "The release (fork)" }).waitFor();
    await page.getByText("Empty or delete").click();
    await page.getByRole("button", { name: "Delete the conversation" }).click();
    await page.waitForURL(/\/sessions$/);
    expect(await page.locator(".sessions li").count()).toBe(1);
  });

  it("runs Arabic and Hebrew from the right, and code from the left", async () => {
    const { url } = await serveHere();
    const editor = await program(url, "files");
    await say(
      editor,
      "كيف أنظم الملفات؟ `git rebase`\n\n- أولا\n\n```sh\ngit rebase\n```",
      "assistant",
    );
    await say(editor, "Now in English.");
    await editor.callTool({
      name: "session_update",
      arguments: { title: "كيف أنظم الملفات؟ (HTTP)" },
    });
    const page = await open();
    const directions = (selector: string): Promise<string[]> =>
      page
        .locator(selector)
        .evaluateAll((found) => found.map((one) => getComputedStyle(one).direction));
    await page.goto(at(url, "/sessions"));
    expect(await directions(".sessions li > a")).toEqual(["rtl"]);
    await page.getByRole("link", { name: "الملفات" }).click();
    await page.locator("#m2").waitFor();
    expect(await directions("h1")).toEqual(["rtl"]);
    expect(await directions("#m1 .text > :is(p, ul)")).toEqual(["rtl", "rtl"]);
    expect(await directions("#m1 code")).toEqual(["ltr", "ltr"]);
    expect(await directions("#m2 .text p")).toEqual(["ltr"]);
    await page.goto(at(url, `/search?q=${encodeURIComponent("الملفات")}`));
    expect(await directions(".hits :is(a, p)")).toEqual(["rtl", "rtl", "rtl", "ltr"]);
  });

  it("breaks no time in two, and puts the name beside the brand on a narrow screen", async () => {
    const server = await serveWithKeys({}, {});
    const long = "a-service-account-of-the-office-in-rotterdam@example.org";
    for (let n = 0; n < 3; n++) await server.key(long);
    const page = await open({ viewport: { width: 800, height: 900 } });
    await page.goto(
      at(
        server.url,
        `/link/${await server.app.browserSessions.link({ principal: "ana", scope: "admin" })}`,
      ),
    );
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    await page.goto(at(server.url, "/activity"));
    const times = page.locator("td time");
    await times.first().waitFor();
    const lines = await times.evaluateAll((found) =>
      found.map((one) => one.getClientRects().length),
    );
    expect([...new Set(lines)]).toEqual([1]);
    for (const width of [768, 360]) {
      await page.setViewportSize({ width, height: 740 });
      const [brand, who] = [
        await page.locator(".brand").boundingBox(),
        await page.locator(".who").boundingBox(),
      ];
      expect(who!.y).toBeLessThan(brand!.y + brand!.height);
    }
  });

  it("goes on with a conversation: the answer grows, is stopped, and asked for again", async () => {
    const model = await startModel();
    const config = { "model-url": model.url, model: "stub" };
    const { url } = await serveHere({ config });
    await say(await program(url, "work"), "We write about kelp.");
    const page = await open();
    await page.goto(at(url, "/sessions"));
    await page.getByRole("link", { name: "work" }).click();
    const { wait, open: goOn } = gate();
    model.next(says("Kelp **holds", wait, " fast**."));
    await page.getByLabel("Go on").fill("What does it do?");
    await page.getByRole("button", { name: "Ask", exact: true }).click();
    await page.locator("[aria-busy]", { hasText: "Kelp" }).waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText("was not answered").waitFor();
    goOn();
    model.next(says("Kelp **holds fast**."));
    await page.getByRole("button", { name: "Ask again" }).click();
    await page.locator("article.assistant strong", { hasText: "holds fast" }).waitFor();
    expect(await page.locator("article.user").count()).toBe(2);
    expect(await page.locator("article.assistant").count()).toBe(1);
  });

  it("shares with somebody who says yes, and shows each what is theirs", async () => {
    const server = await serveWithKeys();
    const { url } = server;
    const [ana, bob] = [await server.key("ana"), await server.key("bob")];
    const person: Person = await speak(url, "2026", ana);
    await person.at("name=ours").call("history_append", { role: "user", content: "Hello Bob" });
    const signIn = async (key: string): Promise<Page> => {
      const page = await open();
      await page.goto(at(url, ""));
      await page.getByLabel("API key").fill(key);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.waitForURL(/\/(sessions|connect)$/);
      return page;
    };
    const [hers, his] = [await signIn(ana), await signIn(bob)];
    await hers.getByRole("link", { name: "ours" }).click();
    await hers.locator("summary", { hasText: "Share" }).click();
    await hers.getByLabel("With").fill("bob");
    await hers.getByRole("button", { name: "Share" }).click();
    await hers.getByText("once it is accepted").waitFor();
    await his.goto(at(url, "/sessions"));
    expect(await his.locator(".sessions li").count()).toBe(0);
    await his.getByRole("button", { name: "Accept" }).click();
    await his.getByRole("link", { name: "ours" }).click();
    await his.getByText("Hello Bob").waitFor();
    expect(await his.getByText("Rename").count()).toBe(0);
  });

  it("makes a key that works, shows it once, and revokes it", async () => {
    const { url } = await serveHere();
    const page = await open();
    page.on("dialog", (dialog) => void dialog.accept());
    await page.goto(at(url, "/keys"));
    await page.getByText("this server asks nobody").waitFor();
    const heights = await page
      .locator(".chooser :is(input:not([type=hidden]), select, button)")
      .evaluateAll((fields) => fields.map((field) => field.getBoundingClientRect().height));
    expect(new Set(heights).size, `${heights}`).toBe(1);
    await page.getByLabel("Principal", { exact: true }).fill("ana");
    await page.getByRole("button", { name: "Make a key" }).click();
    const key = await page.locator("section.made pre").first().innerText();
    const ana = await speak(url, "2026", key);
    expect((await ana.call("session_list")).status).toBe(200);
    await page.goto(at(url, "/keys"));
    expect(await page.content()).not.toContain(key);
    await page.getByRole("button", { name: /^Revoke the key/ }).click();
    await page.getByText(/^revoked/).waitFor();
    expect((await ana.ask("tools/list")).status).toBe(401);
  });

  it("shows calls while they run and when they have ended, who is connected, and stops a call", async () => {
    const model = await startModel();
    const { url } = await serveHere({ config: { "model-url": model.url, model: "stub" } });
    const client = await program(url, "work");
    await say(client, "We write about kelp.");
    const page = await open();
    await page.goto(at(url, "/activity"));
    const table = (name: string) => page.getByRole("region", { name });
    await table("Last calls").getByText("history_append").waitFor();
    await table("Connected programs").getByText("editor 1").waitFor();
    await table("Audit").getByText("session created").waitFor();
    await page.getByText("No call is running.").waitFor();
    const { wait, open: goOn } = gate();
    onTestFinished(goOn);
    model.next(says("Kelp", wait));
    const asked = client.callTool({ name: "chat", arguments: { prompt: "What is it?" } });
    await page.getByRole("button", { name: "Stop chat" }).click();
    const { isError, content } = await asked;
    expect([isError, JSON.stringify(content)]).toEqual([
      true,
      expect.stringContaining("Somebody stopped this call"),
    ]);
    await table("Last calls").getByText("interrupted").waitFor();
    await page.getByText("No call is running.").waitFor();
    await table("Last calls").getByRole("link", { name: "chat" }).click();
    await page.getByText("What is it?").waitFor();
  });

  it("tells the operator what is wrong and what to do, what goes next, and draws the last day", async () => {
    vi.useFakeTimers({ toFake: ["setInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const { url } = await serveHere({ config: { "max-age": "30d" } });
    await say(await program(url, "work"), "We write about kelp.");
    const page = await open();
    await page.goto(at(url, "/health"));
    await page.locator(".findings .ok", { hasText: "backup" }).first().waitFor();
    await page.locator(".findings .ok", { hasText: "no key is required" }).waitFor();
    await page.getByText("1 conversation; the next cleanup").waitFor();
    await page.getByRole("region", { name: "Settings" }).getByText("30d").waitFor();
    await page.getByText("The first figures come a minute after").waitFor();
    const samples = async (): Promise<number> =>
      ((await (await fetch(at(url, "/health/samples"))).json()) as unknown[]).length;
    for (let n = 1; n <= 3; n += 1) {
      vi.advanceTimersByTime(60_000);
      await expect.poll(samples).toBe(n);
    }
    await page.reload();
    await page.locator("figure .u-title", { hasText: "Calls a second" }).waitFor();
    expect(await page.locator("figure canvas").count()).toBe(5);
    const legend = page.locator("figure .u-legend").first();
    expect(await legend.isVisible()).toBe(false); // it has values below a pointer only
    await page.locator("figure .u-over").first().hover();
    await legend.getByText(/^\d\d:\d\d$/).waitFor();
  });

  it("tells of a backup beside the findings as soon as it is made", async () => {
    const { url } = await startServer({ folder: temporaryFolder() });
    const page = await open();
    await page.addInitScript(() => {
      const later = window.setTimeout;
      // The page looks anew by itself every 30 seconds: not here.
      const soon = (act: () => void, ms = 0): number => (ms < 30_000 ? later(act, ms) : 0);
      window.setTimeout = soon as typeof setTimeout;
    });
    await page.goto(at(url, "/health"));
    await page.locator(".findings", { hasText: "None by holdfast backup is known" }).waitFor();
    await page.getByRole("button", { name: "Make a backup" }).click();
    await page.locator(".findings", { hasText: "The last one is of just now" }).waitFor();
  });

  it("brings in a file after a rehearsal, does the rest of it later, and says what is wrong in another", async () => {
    const { url } = await serveHere();
    const page = await open();
    const bring = async (name: string, content: string | Buffer): Promise<void> => {
      await page.goto(at(url, "/import"));
      const file = { name, mimeType: "application/json", buffer: Buffer.from(content) };
      await page.getByLabel("File:").setInputFiles(file);
      await page.getByRole("button", { name: "Check the file" }).click();
    };
    const kelp = chat("Kelp", ["What is kelp?", "A brown alga."]);
    const odd = { ...chat("Odd", []), chat_messages: "none" };
    await bring("one.json", JSON.stringify([kelp, odd]));
    await page.getByText("Would import 1 session (2 messages), 1 skipped").waitFor();
    await page.getByText("conversation 2 (Odd)").waitFor();
    await page.getByRole("button", { name: "Do not import it" }).click();
    await page.getByText("Stopped.").waitFor();
    await page.goto(at(url, "/sessions"));
    expect(await page.locator(".sessions li").count()).toBe(0);

    await bring("claude.zip", zip({ "conversations.json": JSON.stringify([kelp, odd]) }));
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await page.getByText("Imported 1 session (2 messages), 1 skipped").waitFor();
    await page.getByRole("link", { name: "Kelp" }).click();
    await page.getByText("A brown alga.").waitFor();

    const more = { ...kelp, ...chat("Kelp", ["What is kelp?", "A brown alga.", "Where?"]) };
    await bring("two.json", JSON.stringify([{ ...more, uuid: kelp.uuid }]));
    await page.getByText("1 continued (1 message)").waitFor();
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await page.getByText("1 continued (1 message)").waitFor();

    await bring("three.jsonl", '{"format":"holdfast","version":99}\n');
    await page.getByText("line 1").waitFor();
    expect(await page.getByRole("button", { name: "Import", exact: true }).count()).toBe(0);
  });

  it("says of a file that is too large how large it may be, and which command takes it", async () => {
    const { url } = await serveHere({ config: { "max-upload": "1kb" } });
    const page = await open();
    await page.goto(at(url, "/import"));
    const input = page.locator("input[type=file]");
    const choose = async (bytes: number): Promise<string> => {
      const buffer = Buffer.alloc(bytes);
      await input.setInputFiles({ name: "one.json", mimeType: "application/json", buffer });
      return input.evaluate((chosen: HTMLInputElement) => chosen.validationMessage);
    };
    expect(await choose(1_025)).toMatch(/larger than .*holdfast sessions import FILE/);
    expect(await choose(1_024)).toBe("");
  });

  it("says that the server is gone, and goes on by itself when it is back", async () => {
    const folder = temporaryFolder();
    const server = await startServer({ folder });
    const client = await program(server.url, "work");
    await say(client, "Before the crash");
    const page = await open();
    await page.goto(at(server.url, "/sessions"));
    await page.getByRole("link", { name: "work" }).click();
    await page.getByText("Before the crash").waitFor();
    await server.kill();
    await page.getByText("The server does not answer").waitFor();
    await startServer({ folder, port: server.port });
    await page.getByText("The server does not answer").waitFor({ state: "detached" });
    await say(client, "After the crash");
    await page.getByText("After the crash").waitFor();
  });
});

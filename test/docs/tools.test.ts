// docs/tools.md tells the truth: its examples work as they stand there, loaded from a folder, for clients of both eras.
import { execFile } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import * as library from "../../src/index.ts";
import { connect, VERSIONS } from "../support/clients.ts";
import { examples, TOOLS_DOC } from "../support/examples.ts";
import { folderOf, temporaryFolder, writeInto } from "../support/folder.ts";
import { serveAtTime } from "../support/here.ts";
import { eras } from "../support/keyed.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { KINDS, ownModel } from "../support/own-model.ts";
import { startServer } from "../support/process.ts";
import { introduce, type Json } from "../support/raw.ts";
import { accept, DONE, taskClient } from "../support/tasks.ts";

const execFileAsync = promisify(execFile);

/** With the packages beside it that an example wants. */
function folder(): string {
  const made = folderOf(examples);
  const installed = new URL("../../node_modules", import.meta.url).pathname;
  symlinkSync(installed, join(made, "node_modules"));
  return made;
}
const tools = () => ["--tools", folder()];
const serve = () => startServer({ folder: temporaryFolder(), args: tools() });

const EXAMPLES = ["shopping", "booking", "primes", "approval", "recipes", "language", "weather"];

it("has seven examples, and they load without a word", async () => {
  expect(Object.keys(examples)).toEqual(EXAMPLES.map((name) => `${name}.ts`));
  const server = await serve();
  const names = await (await connect("v2", server)).toolNames();
  expect(names.slice(-8)).toEqual([
    ...["deploy", "book_table", "which_language", "count_primes", "shopping_add", "shopping_show"],
    ...["weather_alarm", "weather_forecast"],
  ]);
  expect(server.errors()).toBe("");

  const client = await introduce(server.url);
  const ask = async (...asked: Parameters<typeof client.ask>) =>
    (await client.ask(...asked)).messages[0]!["result"] as Json;
  const prompt = await ask("prompts/get", { name: "cook", arguments: { dish: "pea soup" } });
  expect(prompt["messages"]).toMatchObject([
    { content: { text: expect.stringContaining("recipes://pea%20soup") } },
  ]);
  const recipe = await ask("resources/read", { uri: "recipes://pea%20soup" });
  expect(JSON.parse((recipe["contents"] as Json[])[0]!["text"] as string).minutes).toBe(90);
  const rules = await ask("resources/read", { uri: "recipes:rules" });
  expect(rules["contents"]).toMatchObject([{ mimeType: "text/markdown" }]);
  const listed = (await ask("resources/list"))["resources"] as Json[];
  expect(listed.map(({ uri }) => uri as string)).toContain("recipes://pancakes");

  expect((await client.call("which_language")).says).not.toBe("");
  expect((await client.call("weather_forecast", { city: "Ostend" })).says).toContain("3 days");
  const wrong = await client.call("weather_forecast", { city: "Ostend", days: 20 });
  expect(wrong).toMatchObject({ isError: true, says: expect.stringContaining("- days: ") });
  expect((await client.call("weather_alarm", { city: "Ostend" })).says).toContain("30 knots");
  const none = await client.call("weather_alarm", { city: "", knots: null });
  expect(none).toMatchObject({ isError: true, says: expect.stringContaining("- city: ") });
  const shown = (await ask("tools/list"))["tools"] as Json[];
  const schemaOf = (name: string) => shown.find((tool) => tool["name"] === name)!["inputSchema"];
  const city = { type: "string", minLength: 2 };
  expect(schemaOf("weather_alarm")).toMatchObject({ properties: { city }, required: ["city"] });
  expect(schemaOf("weather_forecast")).toMatchObject({ properties: { city }, required: ["city"] });
});

it("the snippets for tests and for the command line work as they stand there", async () => {
  const made = folder();
  const [snippet] = /import \{ testClient \} from "holdfast";[\s\S]*?(?=```)/.exec(TOOLS_DOC)!;
  const here = new URL("../../src/index.ts", import.meta.url).href;
  const alias = `import { registerHooks } from "node:module"; registerHooks({ resolve: (name, at, next) =>
    name === "holdfast" ? next(${JSON.stringify(here)}, at) : next(name, at) });`;
  const files = {
    "alias.mjs": alias,
    "package.json": '{ "type": "module" }',
    "run.mjs": `${snippet}\nconsole.log(JSON.stringify(structuredContent));`,
  };
  for (const [name, text] of Object.entries(files)) writeInto(made, name, text);
  const shopping = join(made, "tools");
  writeInto(shopping, "shopping.ts", examples["shopping.ts"]!);
  const node = (...args: string[]) =>
    execFileAsync(process.execPath, args, {
      cwd: made,
      env: { ...process.env, HOLDFAST_DATA_DIR: made },
    });
  const run = await node("--import", "./alias.mjs", "run.mjs");
  expect(JSON.parse(run.stdout)).toMatchObject({ items: ["tea"] });

  const commands = [...TOOLS_DOC.matchAll(/^holdfast ((?:call|tools check) .*)$/gm)].map(
    ([, command]) => command!.split(" ").map((part) => part.replaceAll("'", "")),
  );
  expect(commands).toHaveLength(2);
  const main = new URL("../../bin/holdfast.js", import.meta.url).pathname;
  for (const args of commands) {
    const { stdout } = await node(main, ...args);
    expect(stdout).toMatch(args[0] === "call" ? /tea/ : /2 tools, 0 faults/);
  }
});

it.each(VERSIONS)("the %s client keeps a shopping list", async (version) => {
  const { url } = await serve();
  const client = await connect(version, { url });
  const { session } = (await client.call("shopping_add", { item: "tea" })).data;
  const { data } = await client.call("shopping_add", { session, item: "two lemons" });
  expect(data).toEqual({ session, items: ["tea", "two lemons"] });
  expect((await client.call("shopping_show", { session })).text).toBe("tea\ntwo lemons");
  const adding = Array.from({ length: 5 }, (_, n) =>
    client.call("shopping_add", { session, item: `${n}` }),
  );
  for (const { isError } of await Promise.all(adding)) expect(isError).toBe(false);
  const lines = (await client.call("shopping_show", { session })).text.split("\n");
  expect(lines).toHaveLength(2 + 5);
});

it.each(KINDS)("the %s client's person is asked for a booking", async (kind) => {
  const { url } = await serve();
  const address = `${url}?name=${encodeURIComponent(kind)}`;
  const client = await ownModel(kind, address, { content: { confirm: true, name: "Ana" } });
  const booked = await client.call("book_table", { restaurant: "Kelp", guests: 2 });
  expect(booked).toMatchObject({
    content: [{ type: "text", text: "Booked for Ana: Kelp, table for 2." }],
  });
  expect(client.elicited).toMatchObject([{ message: "Book Kelp, table for 2?" }]);
  const history = await client.call("history_get");
  expect(history["structuredContent"]).toMatchObject({
    messages: [{ content: "Booked: Kelp, table for 2, Ana" }],
  });
  const other = await ownModel(kind, address, { content: { confirm: false, name: "Ana" } });
  expect(await other.call("book_table", { restaurant: "Kelp", guests: 2 })).toMatchObject({
    content: [{ text: "Nothing was booked." }],
  });
});

it("the primes are counted to the end though the server is killed in the middle", async () => {
  const folder = temporaryFolder();
  const args = tools();
  const first = await startServer({ folder, args });
  const client = await connect("v2", first);
  const told: number[] = [];
  let begun = (): void => undefined;
  const inTheMiddle = new Promise<void>((resolve) => (begun = resolve));
  const counting = client.call(
    "count_primes",
    { below: 2_000_000 },
    {
      timeout: 120_000,
      onprogress({ progress }) {
        told.push(progress);
        if (told.length === 3) begun();
      },
    },
  );
  await inTheMiddle;
  await first.kill();
  await startServer({ folder, args, port: first.port });
  expect((await counting).data).toMatchObject({ below: 2_000_000, primes: 148_933 });
  expect(told).toEqual([...told].sort((a, b) => a - b));
  expect(new Set(told).size).toBe(told.length); // it went on where it was
});

it.each(Object.entries(eras))("a repeated call with a key is done once (%s)", async (_, enter) => {
  const caller = await enter((await serve()).url);
  const add = () => caller.call("shopping_add", { item: "tea" }, "key-1");
  const [one, two] = [await add(), await add()];
  expect(two.data).toEqual(one.data);
  const { messages } = await caller.call("shopping_show");
  expect(messages.at(-1)).toMatchObject({ result: { content: [{ type: "text", text: "tea" }] } });
});

it("names everything that a definition and a handler have", () => {
  for (const name of [
    "inputSchema",
    "annotations",
    "response",
    "requestKey",
    "closeStream",
    "client",
  ])
    expect(TOOLS_DOC).toContain(`\`${name}`);
  const imported = [...TOOLS_DOC.matchAll(/import \{ (.+) \} from "holdfast"/g)];
  for (const name of imported.flatMap((match) => match[1]!.split(", ")))
    expect(library).toHaveProperty(name);
});

it("an approval waits for a day, over two restarts, and is deployed once", async () => {
  const clock = new ManualClock();
  const place = { "data-dir": temporaryFolder(), tools: folder() };
  let here = await serveAtTime(clock, place);
  const begun = taskClient(here.url);
  const [approved, forgotten] = [
    await begun.begin("deploy", { version: "7" }),
    await begun.begin("deploy", { version: "8" }),
  ];
  for (const id of [approved, forgotten])
    expect(await begun.until(id, "input_required")).toMatchObject({
      statusMessage: expect.stringContaining("waits for approval"),
    });
  for (const hours of [20, 3]) {
    await here.stop();
    clock.advance(hours * 3_600_000);
    here = await serveAtTime(clock, place);
  }
  const client = taskClient(here.url);
  expect((await client.get(approved))["inputRequests"]).toHaveProperty("approval");
  await client.answer(approved, { approval: accept({ approve: true }) });
  const { result } = await client.until(approved, ...DONE);
  expect(result.content[0].text).toBe(`Deployed the build of 7, once: ${approved}/deploy`);
  await here.stop();
  clock.advance(2 * 3_600_000);
  here = await serveAtTime(clock, place);
  const late = await taskClient(here.url).until(forgotten, ...DONE);
  expect(late["result"].content[0].text).toMatch(/Nobody answered/);
});

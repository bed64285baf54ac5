// docs/tools.md tells the truth: its examples work as they stand there, loaded from a folder, for clients of both eras.
import { expect, it } from "vitest";
import * as library from "../src/index.ts";
import { connect, VERSIONS } from "./support/clients.ts";
import { examples, TOOLS_DOC } from "./support/examples.ts";
import { temporaryFolder } from "./support/folder.ts";
import { eras } from "./support/keyed.ts";
import { KINDS, ownModel } from "./support/own-model.ts";
import { startServer } from "./support/process.ts";
import { toolFolder } from "./support/tool-folder.ts";

const tools = () => ["--tools", toolFolder(examples)];
const serve = () => startServer({ folder: temporaryFolder(), args: tools() });

it("has three examples, and they load without a word", async () => {
  expect(Object.keys(examples)).toEqual(["shopping.ts", "booking.ts", "primes.ts"]);
  const server = await serve();
  const names = await (await connect("v2", server)).toolNames();
  expect(names.slice(-4)).toEqual(["book_table", "count_primes", "shopping_add", "shopping_show"]);
  expect(server.errors()).toBe("");
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
  for (const name of ["inputSchema", "annotations", "quick", "requestKey", "closeStream", "client"])
    expect(TOOLS_DOC).toContain(`\`${name}`);
  const imported = [...TOOLS_DOC.matchAll(/import \{ (.+) \} from "holdfast"/g)];
  for (const name of imported.flatMap((match) => match[1]!.split(", ")))
    expect(library).toHaveProperty(name);
});

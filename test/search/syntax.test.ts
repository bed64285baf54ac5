// The syntax of history_search, the same as arguments, and the facts that it finds beside messages.
import { describe, expect, it } from "vitest";
import { connect, type TestClient } from "../support/clients.ts";
import { serveAtTime } from "../support/here.ts";
import { ManualClock } from "../support/manual-clock.ts";

const DAYS = ["2026-01-10", "2026-02-10", "2026-03-10"];

/** Three messages behind a first one, one a month: 2 from the user, 3 from the assistant, 4 from the user. */
async function start(): Promise<TestClient> {
  const clock = new ManualClock();
  const client = await connect("v2", await serveAtTime(clock));
  await client.call("history_append", { role: "system", content: "Be kind." });
  await client.call("session_update", { title: "Garden plans" });
  const texts = ["The red kettle is loud.", "Buy a kettle, a red or blue one.", "No tea is left."];
  for (const [i, content] of texts.entries()) {
    clock.advance(Date.parse(`${DAYS[i]}T12:00Z`) - clock.now());
    await client.call("history_append", { role: i === 1 ? "assistant" : "user", content });
  }
  await client.call("state_set", { key: "tea_shop", value: { town: "Leer", open_until: 18 } });
  return client;
}

const seqs = async (client: TestClient, args: object): Promise<number[]> => {
  const { data, isError, text } = await client.call("history_search", { ...args });
  expect(isError, text).toBe(false);
  return (data["hits"] as { seq: number }[]).map(({ seq }) => seq).sort();
};

describe("a query", () => {
  it.each([
    ["the words of a phrase, in order", '"red kettle"', [2]],
    ["phrases in other quotes", "“red kettle”", [2]],
    ["not what is excluded", "kettle -blue", [2]],
    ["not a phrase that is excluded", 'kettle -"is loud"', [3]],
    ["one role", "kettle role:assistant", [3]],
    ["one role, of anything", "role:assistant", [3]],
    ["what was said before a day", "kettle before:2026-02-10", [2]],
    ["what was said since a day", "after:2026-02-10", [3, 4]],
    ["what was said in a month", "after:2026-02 before:2026-03", [3]],
    ["sessions by their title", "kettle title:garden", [2, 3]],
    ["sessions by words of their title", 'kettle title:"garden plans"', [2, 3]],
    ["no sessions with other titles", "kettle title:kitchen", []],
    ["the beginning of a word", "kett", [2, 3]],
    ["a word with a mistake", "kettel", [2, 3]],
    ["text with a colon and no field", "kettle:red", [2, 3]],
    ["text with a field's name and no value of it", "role:kettle", [2, 3]],
    ["one role, with a space behind the colon", "kettle role: assistant", [3]],
    ["sessions by their title, with a space behind the colon", "kettle title: kitchen", []],
    ["what was said since a day, with a space behind the colon", "kettle after: 2026-02", [3]],
    ["text with a field's name, a space and no value of it", "role: kettle before: red", [2, 3]],
    ["not what is excluded with a minus sign", "kettle −blue", [2]],
    ["a word with its dash in quotes", '"-tea"', [4]],
    ["all without a word, among those of a role", "-tea role:user", [2]],
  ])("finds %s: %s", async (_, query, expected) => {
    expect(await seqs(await start(), { query })).toEqual(expected);
  });

  it.each(["豆", "🫖", "차"])("leaves out what one character excludes: %s", async (character) => {
    const client = await start();
    await client.call("history_append", { role: "user", content: `A kettle, ${character}.` });
    expect(await seqs(client, { query: `kettle -${character}` })).toEqual([2, 3]);
    expect(await seqs(client, { query: "kettle -x" })).toEqual([2, 3, 5]);
  });

  it("takes the same as arguments", async () => {
    const client = await start();
    expect(await seqs(client, { query: "kettle", role: "assistant" })).toEqual([3]);
    expect(await seqs(client, { query: "kettle", exclude: ["blue"] })).toEqual([2]);
    expect(await seqs(client, { after: "2026-02-10", before: "2026-03-01T00:00Z" })).toEqual([3]);
    expect(await seqs(client, { query: "kettle", title: "kitchen" })).toEqual([]);
    expect(await seqs(client, { query: "kettle", role: null, title: "" })).toEqual([2, 3]);
  });

  it("wants a word to look for beside those that it leaves out", async () => {
    const client = await start();
    for (const args of [{ query: "-tea" }, { query: '-tea -"red kettle"' }, { exclude: ["tea"] }]) {
      const answer = await client.call("history_search", args);
      expect(answer).toMatchObject({ isError: true, meta: { "holdfast/error": "invalid" } });
      expect(answer.text).toMatch(/^query: expected a word to look for, beside .*"-tea"\.$/);
    }
  });

  it("says what it expects of a time", async () => {
    const client = await start();
    for (const args of [{ query: "kettle before:2026-13-01" }, { query: "tea", after: "soon" }]) {
      const answer = await client.call("history_search", args);
      expect(answer).toMatchObject({ isError: true, meta: { "holdfast/error": "invalid" } });
      expect(answer.text).toMatch(/^(?:before|after): .* is no date\. Expected a day such as 2026/);
    }
  });
});

describe("facts", () => {
  it("are found by their keys and values, marked as such", async () => {
    const client = await start();
    const { data, text } = await client.call("history_search", { query: "tea shop town" });
    expect(data["facts"]).toMatchObject([
      { key: "tea_shop", value: '{"town":"Leer","open_until":18}', title: "Garden plans" },
    ]);
    expect(text).toContain('state tea_shop: {"town":"Leer"');
    const all = await client.call("history_search", { query: "leer", scope: "all" });
    expect(all.data).toMatchObject({ hits: [], facts: [{ key: "tea_shop" }] });
    expect(all.text).toMatch(/^No message in your sessions matches, but facts/);
  });

  it("are left out where messages are asked for, or a word is excluded", async () => {
    const client = await start();
    for (const query of ["tea role:user", "shop -leer", "shop after:2026-01-01"])
      expect((await client.call("history_search", { query })).data, query).not.toHaveProperty(
        "facts",
      );
  });
});

it("recall finds the right message first, however many questions it was asked before", async () => {
  const client = await start();
  const things = "kettle ladder violin passport tent scarf lamp mirror rug drill".split(" ");
  const places = "cellar attic garage shed hall pantry bathroom porch study kitchen".split(" ");
  for (const [i, thing] of things.entries())
    await client.call("history_append", {
      role: "user",
      content: `The ${thing} is in the ${places[i]}.`,
    });
  let right = 0;
  const asks = [
    (thing: string) => `Where is the ${thing}?`,
    (thing: string) => `Do you know where I have put the ${thing}`,
    (thing: string) => `Can you tell me in which room the ${thing} is?`,
  ];
  for (const ask of asks) {
    for (const [i, thing] of things.entries()) {
      const { text } = await client.call("chat", { prompt: ask(thing) });
      if (text.split("\n")[1]!.includes(`in the ${places[i]}.`)) right += 1;
    }
  }
  expect(right).toBeGreaterThanOrEqual(25);
});

// What a model is shown of a long conversation: as much of the newest as its window has room for, in tokens.
import { describe, expect, it } from "vitest";
import { tokenizer } from "../../src/models/tokens.ts";
import { connect } from "../support/clients.ts";
import { serveHere } from "../support/here.ts";
import { fillHistory, remembering, tokensOf, words } from "../support/long-history.ts";
import { refuses } from "../support/model-server.ts";
import { transcript } from "../support/rows.ts";

const QUIET = { "log-level": "silent" };

/** So that only the newest is shown; what went wrong is not printed. */
const noSummary = () => refuses(400, "No summaries.");

describe("a conversation that is longer than the window", () => {
  it("is shown from its newest end, and never more than fits", async () => {
    const { client, answers } = await remembering(QUIET, noSummary);
    for (let n = 1; n <= 8; n += 1)
      await client.call("history_append", { role: "user", content: words(`m${n}`, 100) });
    await client.call("chat", { prompt: "Well?" });
    const [asked] = answers();
    const shown = asked!.messages.map(({ content }) => content.split(" ")[0]);
    expect(shown).toEqual(["m4", "m5", "m6", "m7", "m8", "Well?"]);
    expect(await tokensOf(asked!)).toBeLessThanOrEqual(750); // the rest is the answer's
  });

  it("is measured in tokens, not in characters", async () => {
    const { client, answers } = await remembering(QUIET, noSummary);
    const say = (content: string) => client.call("history_append", { role: "user", content });
    await say("a".repeat(4_000)); // 500 tokens
    await client.call("chat", { prompt: "One" });
    expect(answers()[0]!.messages).toHaveLength(2);
    await say("\u{13000}".repeat(400)); // hieroglyphs: four tokens each
    await client.call("chat", { prompt: "Two" });
    expect(answers()[1]!.messages).toEqual([{ role: "user", content: "Two" }]);
  });

  it("leaves room for as long an answer as the call asks for, up to a quarter", async () => {
    const { client, answers } = await remembering(QUIET, noSummary);
    for (let n = 1; n <= 9; n += 1)
      await client.call("history_append", { role: "user", content: words(`m${n}`, 100) });
    for (const max_tokens of [10, 240, 10_000])
      await client.call("chat", { prompt: "Well?", max_tokens });
    const shown = answers().map(({ messages }) =>
      messages.filter(({ content }) => /^m\d/.test(content)),
    );
    expect(shown.map(({ length }) => length)).toEqual([8, 5, 5]);
  });

  it("is shown whole to a model with a larger window", async () => {
    const { client, answers } = await remembering(
      { ...QUIET, models: "large", "context-tokens": "1000,large=20000" },
      noSummary,
    );
    for (let n = 1; n <= 20; n += 1)
      await client.call("history_append", { role: "user", content: words(`m${n}`, 100) });
    await client.call("chat", { prompt: "One" });
    await client.call("chat", { prompt: "Two", model: "large" });
    expect(answers().map(({ messages }) => messages.length)).toEqual([6, 23]);
  });
});

describe("a prompt that is longer than the window", () => {
  it("is refused with its length and the setting; nothing is stored and the next one is answered", async () => {
    const { client, here, model } = await remembering();
    const refused = await client.call("chat", { prompt: words("long", 800) });
    expect(refused).toMatchObject({ isError: true, meta: { "holdfast/error": "limit" } });
    expect(refused.text).toMatch(
      /are 8\d\d tokens long.*room for 750.*context-tokens \(now 1000\)/s,
    );
    expect(model.calls).toEqual([]);
    expect(transcript(here.folder)).toEqual([]);
    expect((await client.call("chat", { prompt: "Short" })).isError).toBe(false);
  });

  it("is so with the system prompt, which counts too", async () => {
    const { client, model } = await remembering();
    await client.call("session_update", { system: words("Be", 500) });
    const prompt = words("long", 300);
    expect((await client.call("chat", { prompt })).meta).toEqual({ "holdfast/error": "limit" });
    expect((await client.call("chat", { prompt, system: "Be brief." })).isError).toBe(false);
    expect(model.calls).toHaveLength(1);
  });

  it("takes no seconds to be found too long, and holds nobody up, whatever it is", async () => {
    const { client } = await remembering({ "context-tokens": "32000" });
    for (const text of ["x", "ж", "漢", "😀", "9", "\u0301", "ab1/", " "]) {
      const prompt = `${text.repeat(1_000_000 / Buffer.byteLength(text))}.`;
      const began = performance.now();
      const asked = client.call("chat", { prompt });
      const others = await client.call("session_info");
      expect(others.isError).toBe(false);
      const { isError, meta } = await asked;
      if (text !== " ")
        expect({ isError, ...meta }, text).toMatchObject({ "holdfast/error": "limit" });
      expect(performance.now() - began, text).toBeLessThan(3_000); // ms
    }
  });
});

describe("counting tokens", () => {
  it("is exact within a percent for prose, however the text is cut into pieces", async () => {
    const { countTokens } = await import("gpt-tokenizer/encoding/o200k_base");
    const prose =
      'Holdfasts grip the rock; the water moves, the plant stays: "Größe", naïve, 3.14159!\n\n';
    const text = prose.repeat(100);
    const counted = await tokenizer.count(text, Infinity);
    expect(Math.abs(counted / countTokens(text) - 1)).toBeLessThan(0.01);
    expect(await tokenizer.count("<|endoftext|>", Infinity)).toBeGreaterThan(1); // is text here
    expect(await tokenizer.count("", 0)).toBe(0);
  });

  it("stops where a text is too long anyway, and cuts texts between characters", async () => {
    expect(await tokenizer.count("word ".repeat(100), 50)).toBe(Infinity);
    const emoji = "😀".repeat(1_000);
    const cut = await tokenizer.cut(emoji, 500);
    expect(cut.isWellFormed()).toBe(true);
    expect(await tokenizer.count(cut, Infinity)).toBeLessThanOrEqual(500);
    expect(cut.length).toBeGreaterThan(500);
    expect(await tokenizer.cut("short", 500)).toBe("short");
  });
});

it("recall answers in however long a conversation, and needs no window", async () => {
  const here = await serveHere({ config: { "context-tokens": "1000" } });
  const client = await connect("v1", { url: `${here.url}?name=s` });
  await client.call("history_append", { role: "user", content: "The walrus sleeps." });
  fillHistory(here.folder, 500, 100);
  expect((await client.call("chat", { prompt: words("walrus", 2_000) })).text).toContain("#1 user");
});

it.each([
  ["German", "Größere Schiffe müssen draußen warten, bis die Flut kommt. ", 1.3],
  ["Arabic", "يأتي المد مرتين في اليوم ويمتلئ الميناء بالماء. ", 2],
  ["Hindi", "ज्वार दिन में दो बार आता है और बंदरगाह भर जाता है। ", 2.8],
])(
  "%s text gets a margin for a model with an unknown vocabulary, and none for a known one",
  async (_, text, margin) => {
    const long = text.repeat(20);
    const exact = await tokenizer.count(long, Infinity);
    expect(await tokenizer.count(long, Infinity, "gpt-4o-mini")).toBe(exact);
    expect(await tokenizer.count(long, Infinity, "openai/gpt-4-turbo")).toBeGreaterThan(exact);
    expect(await tokenizer.count(long, Infinity, "llama3")).toBeGreaterThanOrEqual(exact * margin);
    expect(await tokenizer.count("Plain words. ", Infinity, "llama3")).toBe(
      await tokenizer.count("Plain words. ", Infinity),
    );
  },
);

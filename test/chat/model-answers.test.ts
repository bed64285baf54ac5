// A model's answer was paid for: whatever is odd about it, it is kept in a form that can be stored.
import { describe, expect, it } from "vitest";
import { serveHere } from "../support/here.ts";
import { says, type Script, sends, startModel } from "../support/model-server.ts";
import { anthropic, openai, type Wire } from "../support/model-wires.ts";
import { answerOf, KINDS, ownModel } from "../support/own-model.ts";
import { introduce } from "../support/raw.ts";
import { rows, transcript } from "../support/rows.ts";

async function scene(wire: Wire, ...scripts: Script[]) {
  const model = await startModel(wire);
  model.next(...scripts);
  const config = {
    "model-provider": wire.provider,
    "model-url": model.url,
    model: "scripted-1",
    "max-message": "1kb",
  };
  const here = await serveHere({ config });
  return { ...here, client: await introduce(here.url) };
}

/** Counts as the endpoint writes them, in the place of the scripted ones. */
const costs =
  (wire: Wire, counts: string): Script =>
  (response, call) => {
    const whole = `${wire.begin}${wire.piece("fine")}${wire.end(true)}`;
    const body = whole.replaceAll(
      /("(?:prompt|completion|total|input|output)_tokens"):\d+/g,
      `$1:${counts}`,
    );
    return sends(body)(response, call);
  };

const wires: [string, Wire][] = [
  ["OpenAI's", openai],
  ["Anthropic's", anthropic],
];

describe.each(wires)("an answer in %s form", (_, wire) => {
  it("with half a character or a NUL is kept, and that is replaced; halves that belong together are one", async () => {
    const pieces = [["cut \ud83d"], ["a \0 b"], ["seal \ud83e", "\uddad"]];
    const { client, folder } = await scene(wire, ...pieces.map((said) => says(...said)));
    for (const kept of ["cut \ufffd", "a \ufffd b", "seal 🦭"]) {
      const answer = await client.call("chat", { prompt: "Well?" });
      expect(answer).toMatchObject({ isError: false, says: kept, data: { text: kept } });
      expect(transcript(folder).at(-1)).toContain(`assistant complete ${kept}`);
    }
  });

  it("that is too long is cut between two characters, and says so", async () => {
    const { client, folder } = await scene(wire, says("x", "🦭".repeat(2_000)), says("short"));
    const { says: text } = await client.call("chat", { prompt: "Well?" });
    expect(text).toMatch(/^x🦭+\n\n… \(cut: .*max-message/u);
    expect(Buffer.byteLength(text)).toBeGreaterThan(1_000);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1_024);
    expect(transcript(folder)[1]).toBe(`2 assistant complete ${text}`);
    expect((await client.call("chat", { prompt: "And?" })).says).toBe("short");
  });

  it("that tells an odd number of tokens is kept, with the number rounded or left out", async () => {
    const counts = ["5.4", "-3", "1e400", "1e300", '"many"'];
    const { client, folder } = await scene(wire, ...counts.map((count) => costs(wire, count)));
    for (const stored of [5, null, null, null, null]) {
      const answer = await client.call("chat", { prompt: "Well?" });
      const usage = { input_tokens: stored, output_tokens: stored };
      expect(answer).toMatchObject({ isError: false, data: { text: "fine", usage } });
      const newest = "SELECT input_tokens, output_tokens FROM messages ORDER BY id DESC LIMIT 1";
      expect(rows(folder, newest)).toEqual([usage]);
    }
  });
});

it.each(KINDS)("the answer of the %s client's own model is kept in the same way", async (kind) => {
  const { url, folder } = await serveHere({ config: { "max-message": "1kb" } });
  const answers = [answerOf("a\0b\ud83d", "own\0"), answerOf("é".repeat(1_000))];
  const client = await ownModel(kind, `${url}?name=s`, { answer: () => answers.shift()! });
  const first = await client.call("chat", { prompt: "One" });
  expect(first["structuredContent"]).toMatchObject({ text: "a\ufffdb\ufffd", model: "own " });
  const second = await client.call("chat", { prompt: "Two" });
  expect(second["structuredContent"].text).toMatch(/^é+\n\n… \(cut: /);
  expect(transcript(folder)).toHaveLength(4);
});

it("a summary is kept in the same way", async () => {
  const model = await startModel();
  model.reply = ({ messages }) =>
    says(JSON.stringify(messages).includes("keep the memory") ? "told \0 \ud83d" : "yes");
  const config = { "model-url": model.url, model: "scripted-1", "context-tokens": "1000" };
  const { url, folder } = await serveHere({ config });
  const client = await introduce(url);
  for (let turn = 0; turn < 5; turn++)
    await client.call("chat", { prompt: `${turn} ${"walrus ".repeat(100)}` });
  const [summary] = rows(folder, "SELECT content FROM summaries");
  expect(summary).toEqual({ content: "told \ufffd \ufffd" });
});

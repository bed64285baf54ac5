// The rolling summary: what no longer fits into the model's window is folded into it, rarely and in bounded steps; it is
// stored, shown as what it is, and goes with the history.
import { describe, expect, it } from "vitest";
import { connect } from "../support/clients.ts";
import { serveHere } from "../support/here.ts";
import { fillHistory, remembering, tokensOf, words } from "../support/long-history.ts";
import { isSilent, type ModelCall, refuses, says } from "../support/model-server.ts";
import { answerOf, KINDS, ownModel } from "../support/own-model.ts";
import { rows } from "../support/rows.ts";

const stored = (folder: string) => rows(folder, "SELECT * FROM summaries");

const SHOWN =
  /^Summary of the earlier conversation, up to message #(\d+)(?: \((\d+) of these messages are not in it\))?:\n/;

/** What a request shows: up to which message by a summary, and which messages after it. */
function shown({ messages }: ModelCall): { upto: number; seqs: number[] } {
  const summary = messages.find(({ content }) => SHOWN.test(content));
  return {
    upto: Number(SHOWN.exec(summary?.content ?? "")?.[1] ?? 0),
    seqs: messages.flatMap(({ content }) => /^m(\d+)/.exec(content)?.slice(1).map(Number) ?? []),
  };
}

describe("a conversation that goes on and on", () => {
  it("is always shown whole: each message itself, or by a summary; and rarely summarized", async () => {
    const { client, model, here, answers, summaries } = await remembering();
    const reply = model.reply;
    for (let n = 1; n <= 80; n += 2) {
      model.reply = (call) =>
        call.messages.at(-1)!.content.startsWith("m") ? says(words(`m${n + 1}`, 40)) : reply(call);
      expect((await client.call("chat", { prompt: words(`m${n}`, 40) })).isError).toBe(false);
    }
    expect(answers()).toHaveLength(40);
    for (const call of answers()) {
      const { upto, seqs } = shown(call);
      const last = seqs.at(-1)!;
      expect(seqs).toEqual(Array.from({ length: last - upto }, (_, i) => upto + 1 + i));
      expect(await tokensOf(call)).toBeLessThanOrEqual(750);
    }
    expect(summaries().length).toBeGreaterThan(5);
    expect(summaries().length).toBeLessThanOrEqual(13); // 80 messages, 7 of which are half a window
    const [row] = stored(here.folder);
    expect(row).toMatchObject({
      upto_seq: shown(answers().at(-1)!).upto,
      left_out: 0,
      model: "scripted-1",
    });
  });

  it("is folded from the summary so far and what follows it, each message once", async () => {
    const { client, summaries } = await remembering();
    for (let n = 1; n <= 30; n += 1) {
      await client.call("history_append", { role: "user", content: words(`m${n}`, 100) });
      if (n % 4 === 0) await client.call("chat", { prompt: "And?" });
    }
    const texts = summaries().map(({ messages }) => messages[1]!.content);
    const folded = texts.flatMap((text) =>
      [...text.matchAll(/^#\d+ user: m(\d+)/gm)].map(([, n]) => Number(n)),
    );
    expect(folded).toEqual(Array.from({ length: folded.length }, (_, i) => i + 1));
    expect(texts[0]).not.toMatch(SHOWN);
    for (const [i, text] of texts.slice(1).entries()) expect(text).toContain(`Summary ${i + 1}.`);
    for (const call of summaries()) expect(await tokensOf(call)).toBeLessThanOrEqual(900);
  });

  it("shows a person what the model is told, and survives a restart", async () => {
    const { client, here, model, answers } = await remembering();
    expect((await client.call("session_info")).data).not.toHaveProperty("summary");
    for (let n = 1; n <= 8; n += 1)
      await client.call("history_append", { role: "user", content: words(`m${n}`, 100) });
    await client.call("chat", { prompt: "Well?" });
    const { summary } = (await client.call("session_info")).data;
    expect(summary).toEqual({
      upto_seq: 6,
      content: "Summary 2.",
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    await here.stop();
    const config = { "model-url": model.url, model: "scripted-1", "context-tokens": "1000" };
    const again = await serveHere({ folder: here.folder, config });
    await (await connect("auto", { url: `${again.url}?name=s` })).call("chat", { prompt: "And?" });
    expect(shown(answers().at(-1)!)).toEqual({ upto: 6, seqs: [7, 8] });
  });
});

it("a question that nearly fills the window is asked alone, and folds nothing", async () => {
  const { client, here, answers, summaries } = await remembering();
  for (let n = 1; n <= 8; n += 1)
    await client.call("history_append", { role: "user", content: words(`m${n}`, 100) });
  await client.call("chat", { prompt: "Well?" });
  const [before] = stored(here.folder);
  await client.call("chat", { prompt: words("Long", 720) });
  expect(answers()[1]!.messages).toHaveLength(1);
  expect(stored(here.folder)).toEqual([before]);
  await client.call("chat", { prompt: "And?" });
  expect(shown(answers()[2]!).upto).toBeGreaterThanOrEqual(8);
  expect(summaries().length).toBeGreaterThan(2);
});

describe("a summary that cannot be made", () => {
  it.each([
    ["is refused", refuses(400, "No.")],
    ["is empty", says(" ")],
    ["takes too long", isSilent],
  ])(
    "because it %s does not keep questions from being answered, and is tried again some turns later",
    async (_, fails) => {
      const { client, here, answers, summaries, model } = await remembering({
        "model-timeout": "1s",
        "log-level": "silent",
      });
      for (let n = 1; n <= 8; n += 1)
        await client.call("history_append", { role: "user", content: words(`m${n}`, 100) });
      model.next(fails);
      expect((await client.call("chat", { prompt: "Well?" })).text).toBe("So it is.");
      expect(shown(answers()[0]!)).toEqual({ upto: 0, seqs: [4, 5, 6, 7, 8] });
      expect(stored(here.folder)).toEqual([]);
      await client.call("chat", { prompt: "And?" });
      await client.call("chat", { prompt: "Then?" });
      expect(summaries()).toHaveLength(1); // the one that failed
      if (fails === isSilent) return; // it goes on for five seconds
      await client.call("chat", { prompt: "At last?" });
      expect(summaries()).toHaveLength(3); // two for six messages
      expect(shown(answers().at(-1)!).upto).toBeGreaterThan(0);
    },
  );

  it("in time is made in the background, and the next turn has it", async () => {
    const open = Promise.withResolvers<void>();
    const { client, here, answers, model, summaries } = await remembering({
      "model-timeout": "1s",
    });
    for (let n = 1; n <= 8; n += 1)
      await client.call("history_append", { role: "user", content: words(`m${n}`, 100) });
    model.next(says("Told ", open.promise, "late."));
    expect((await client.call("chat", { prompt: "Well?" })).text).toBe("So it is.");
    expect(stored(here.folder)).toEqual([]);
    open.resolve();
    await expect
      .poll(async () => {
        await client.call("chat", { prompt: "And?" });
        return stored(here.folder).length;
      })
      .toBe(1);
    expect(summaries()[1]!.messages[1]!.content).toContain("Told late.");
    expect(shown(answers().at(-1)!).upto).toBeGreaterThan(0);
  });

  it("before the history is cleared is thrown away", async () => {
    const open = Promise.withResolvers<void>();
    const { client, here, model, summaries } = await remembering({ "model-timeout": "1s" });
    const fill = async (): Promise<void> => {
      for (let n = 1; n <= 8; n += 1)
        await client.call("history_append", { role: "user", content: words(`m${n}`, 100) });
    };
    await fill();
    model.next(says("Secret", open.promise));
    await client.call("chat", { prompt: "Well?" });
    await client.call("session_clear", { what: "history" });
    await fill();
    open.resolve();
    await expect
      .poll(async () => {
        await client.call("chat", { prompt: "And?" });
        return summaries().length;
      })
      .toBeGreaterThan(1);
    expect(JSON.stringify(stored(here.folder))).not.toContain("Secret");
  });

  it("because the call is cancelled asks nothing more", async () => {
    const { client, model, answers } = await remembering({}, () => isSilent);
    for (let n = 1; n <= 8; n += 1)
      await client.call("history_append", { role: "user", content: words(`m${n}`, 100) });
    const abort = new AbortController();
    const answer = expect(
      client.call("chat", { prompt: "Well?" }, { signal: abort.signal }),
    ).rejects.toThrow();
    const call = await model.called(1);
    abort.abort("no longer needed");
    await answer;
    await call.aborted;
    expect(answers()).toEqual([]);
  });

  it("that is too long is cut to its room, and thoughts are no part of it", async () => {
    const { client, here, answers } = await remembering({}, () =>
      says("<think>Hm.\nWell.</think>\n", words("Long", 5_000)),
    );
    for (let n = 1; n <= 8; n += 1)
      await client.call("history_append", { role: "user", content: words(`m${n}`, 100) });
    await client.call("chat", { prompt: "Well?" });
    expect(stored(here.folder)[0]!["content"]).toMatch(/^Long( word)+$/);
    expect(await tokensOf(answers()[0]!)).toBeLessThanOrEqual(750);
  });
});

describe("a history that is cleared", () => {
  it("takes its summary with it", async () => {
    const { client, here, answers } = await remembering();
    for (let n = 1; n <= 8; n += 1)
      await client.call("history_append", { role: "user", content: words(`m${n}`, 100) });
    await client.call("chat", { prompt: "Well?" });
    await client.call("session_clear", { what: "state" });
    expect(stored(here.folder)).toHaveLength(1);
    await client.call("session_clear", { what: "history" });
    expect(stored(here.folder)).toEqual([]);
    await client.call("chat", { prompt: "Anew" });
    expect(answers().at(-1)!.messages).toEqual([{ role: "user", content: "Anew" }]);
  });

  it("while it is being summarized leaves none behind", async () => {
    const open = Promise.withResolvers<void>();
    const { client, here, model } = await remembering({}, () => says("Secret", open.promise));
    for (let n = 1; n <= 8; n += 1)
      await client.call("history_append", { role: "user", content: words(`m${n}`, 100) });
    const asked = client.call("chat", { prompt: "Well?" });
    await model.called(1);
    await client.call("session_clear", { what: "history" });
    open.resolve();
    expect(await asked).toMatchObject({ isError: true, meta: { "holdfast/error": "conflict" } });
    expect(stored(here.folder)).toEqual([]);
    expect(model.calls).toHaveLength(1);
  });
});

describe("a huge history that was never summarized", () => {
  it("takes a few bounded requests, then none for a while; what is left out is said", async () => {
    const { client, here, answers, summaries } = await remembering({ "max-messages": 200_000 });
    await client.call("session_update", { title: "Imported" });
    fillHistory(here.folder, 100_000, 20);
    for (let n = 0; n < 3; n += 1)
      expect((await client.call("chat", { prompt: "Well?" })).isError).toBe(false);
    expect(summaries()).toHaveLength(4);
    for (const call of summaries()) expect(await tokensOf(call)).toBeLessThanOrEqual(900);
    const [row] = stored(here.folder);
    const { upto_seq: upto, left_out: leftOut } = row as { upto_seq: number; left_out: number };
    expect(upto).toBeGreaterThan(99_900);
    expect(leftOut).toBeGreaterThan(99_800);
    expect(answers()[2]!.messages[0]!.content).toContain(
      `up to message #${upto} (${leftOut} of these messages are not in it):\nSummary 4.`,
    );
  });

  it("may hold messages that are longer than the window: they are cut for the summary", async () => {
    const { client, summaries, answers } = await remembering();
    const huge = `m1 ${"x".repeat(500_000)}`;
    await client.call("history_append", { role: "user", content: huge });
    expect((await client.call("chat", { prompt: "Well?" })).isError).toBe(false);
    expect(summaries()[0]!.messages[1]!.content).toMatch(/#1 user: m1 x+ … \(cut\)/);
    expect(await tokensOf(summaries()[0]!)).toBeLessThanOrEqual(900);
    expect(shown(answers()[0]!)).toEqual({ upto: 1, seqs: [] });
  });
});

describe.each(KINDS)("the own model of the %s client", (kind) => {
  it("is shown the stored summary and what fits, and is not asked for new ones", async () => {
    const { client, here } = await remembering();
    for (let n = 1; n <= 8; n += 1)
      await client.call("history_append", { role: "user", content: words(`m${n}`, 100) });
    await client.call("chat", { prompt: "Well?" });
    await here.stop();
    const again = await serveHere({ folder: here.folder, config: { "context-tokens": "1000" } });
    fillHistory(here.folder, 20, 100);
    const own = await ownModel(kind, `${again.url}?name=s`, { answer: () => answerOf("hello") });
    await own.call("chat", { prompt: "And?" });
    expect(own.sampled).toHaveLength(1);
    const texts = (own.sampled[0]!["messages"] as { content: { text: string } }[]).map(
      ({ content }) => content.text,
    );
    expect(texts[0]).toMatch(
      /^\[system\]\nSummary of the earlier conversation, up to message #6:\nSummary 2\.$/,
    );
    expect(texts.slice(1).map((text) => text.split(" ")[0])).toEqual([
      "m26",
      "m27",
      "m28",
      "m29",
      "m30",
      "And?",
    ]);
    const refused = await own.call("chat", { prompt: words("long", 1_000) });
    expect(refused).toMatchObject({ isError: true, _meta: { "holdfast/error": "limit" } });
    expect(own.sampled).toHaveLength(1);
  });
});

// `chat` with the model of its caller, in the rounds of 2026-07-28: one session, one answer, over retries and restarts.
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { openingHome } from "../support/home.ts";
import { startModel } from "../support/model-server.ts";
import { callModern } from "../support/modern.ts";
import { answerOf } from "../support/own-model.ts";
import { startServer } from "../support/process.ts";
import type { CallAnswer, Json } from "../support/raw.ts";
import { rows, transcript } from "../support/rows.ts";

/** A 2026 client that goes through the rounds by hand. */
const SAMPLING = { capabilities: { sampling: {} } };

const USED = { code: -32602, data: { reason: "used_request_state" } };

interface Asked {
  requestState: string;
  /** Repeats the call with an answer. */
  answer(url: string, text: string): Promise<CallAnswer>;
}

async function ask(url: string, args: Json): Promise<Asked> {
  const { messages } = await callModern(url, "chat", args, SAMPLING);
  expect(messages).toMatchObject([{ result: { resultType: "input_required" } }]);
  const { requestState, inputRequests } = messages[0]!["result"] as Json;
  const [name] = Object.keys(inputRequests as Json);
  return {
    requestState,
    answer(at, text) {
      const rounds = { requestState, inputResponses: { [name!]: answerOf(text) } };
      return callModern(at, "chat", args, { ...SAMPLING, rounds });
    },
  };
}

describe("chat in the rounds of 2026-07-28", () => {
  it("without a session stays in the one that it opened, over all its rounds", async () => {
    const here = await serveHere();
    const asked = await ask(here.url, { prompt: "one" });
    const answered = await asked.answer(here.url, "first");
    expect(answered.data).toMatchObject({ text: "first", question_seq: 1, answer_seq: 2 });
    const sessions = rows(here.folder, "SELECT id FROM sessions");
    expect(sessions).toEqual([{ id: answered.data["session"] }]);
    expect(transcript(here.folder)).toEqual(["1 user complete one", "2 assistant complete first"]);
  });

  it("takes an answer once: the same round again gives the first answer, another one is refused", async () => {
    const here = await serveHere();
    const asked = await ask(here.url, { prompt: "one" });
    const all = await Promise.all(["a", "a"].map((text) => asked.answer(here.url, text)));
    const first = all[0]!.data;
    expect(all[1]!.data).toEqual(first);
    expect((await asked.answer(here.url, "a")).data).toEqual(first);
    expect((await asked.answer(here.url, "another")).messages).toMatchObject([{ error: USED }]);
    expect(transcript(here.folder)).toEqual(["1 user complete one", "2 assistant complete a"]);
    // The same question, asked anew, is another one.
    const again = await ask(here.url, { prompt: "one", session: first["session"] });
    expect((await again.answer(here.url, "b")).data).toMatchObject({ text: "b", answer_seq: 4 });
  });

  it("survives a SIGKILL between the rounds, and replays of it do too", async () => {
    const folder = temporaryFolder();
    const first = await startServer({ folder });
    const asked = await ask(first.url, { prompt: "one" });
    await first.kill();
    const second = await startServer({ folder });
    const answered = await asked.answer(second.url, "after");
    expect(answered.data).toMatchObject({ text: "after", model: "own-1" });
    await second.kill();
    const third = await startServer({ folder });
    expect((await asked.answer(third.url, "after")).data).toEqual(answered.data);
    expect((await asked.answer(third.url, "later")).messages).toMatchObject([{ error: USED }]);
    expect(transcript(folder)).toEqual(["1 user complete one", "2 assistant complete after"]);
    expect(rows(folder, "SELECT * FROM sessions")).toHaveLength(1);
  });

  it("an answer that nobody asked for is not taken", async () => {
    const model = await startModel();
    const configured = await serveHere({ config: { "model-url": model.url, model: "scripted-1" } });
    const plain = await serveHere();
    const rounds = { inputResponses: { answer: answerOf("forged") } };
    const given = (url: string) =>
      callModern(url, "chat", { prompt: "q" }, { ...SAMPLING, rounds });
    const { says, data } = await given(configured.url);
    expect(says).toBe(openingHome("Answer to: q", data["session"]));
    expect((await given(plain.url)).messages).toMatchObject([
      { result: { resultType: "input_required" } },
    ]);
    expect(transcript(plain.folder)).toEqual([]);
  });

  it("the arguments in another order are the same call", async () => {
    const here = await serveHere();
    const options = { capabilities: { sampling: {} } };
    const args = { prompt: "one", system: "Be brief.", max_tokens: 9 };
    const first = await callModern(here.url, "chat", args, options);
    const { requestState } = first.messages[0]!["result"] as Json;
    const rounds = { requestState, inputResponses: { answer: answerOf("first") } };
    const turned = Object.fromEntries(Object.entries(args).toReversed());
    const answer = await callModern(here.url, "chat", turned, { ...options, rounds });
    expect(answer.data).toMatchObject({ text: "first" });
    const other = { ...args, system: "Rhyme." };
    const refused = await callModern(here.url, "chat", other, { ...options, rounds });
    expect(refused.messages).toMatchObject([{ error: { code: -32602 } }]);
  });
});

// Multi round-trip requests: handlers are written once, and ask clients of every era; `chat` asks the client's own model.
import { inputRequired, inputResponse } from "@modelcontextprotocol/server";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { definePrompt, defineTool } from "../../src/index.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { startModel } from "../support/model-server.ts";
import { answerOf, KINDS, ownModel } from "../support/own-model.ts";
import type { Json } from "../support/raw.ts";
import { rows, transcript } from "../support/rows.ts";

const text = (value: string) => ({ type: "text" as const, text: value });
const said = (role: string, value: string): Json => ({ role, content: text(value) });

/** Asks the person, then the model, then answers: three rounds, which only `requestState` ties together. */
function planner() {
  const states: unknown[] = [];
  const tool = defineTool({
    name: "plan",
    description: "Plans a trip.",
    input: z.object({ who: z.string() }),
    session: "created",
    async handler({ input, inputResponses, requestState, session }) {
      const city = requestState<string>();
      states.push(city);
      await session.state.set("rounds", states.length);
      const [form, model] = ["form", "model"].map((name) => inputResponse(inputResponses, name));
      if (model?.kind === "sampling")
        return `${input.who} in ${city}: ${JSON.stringify(model.result.content)}`;
      if (form?.kind === "elicit" && form.action === "accept") {
        const chosen = String(form.content?.["city"]);
        const messages = [{ role: "user" as const, content: text(`What to do in ${chosen}?`) }];
        return inputRequired({
          inputRequests: { model: inputRequired.createMessage({ messages, maxTokens: 10 }) },
          requestState: chosen,
        });
      }
      const properties = { city: { type: "string" as const } };
      return inputRequired({
        inputRequests: {
          form: inputRequired.elicit({
            message: `Where to, ${input.who}?`,
            requestedSchema: { type: "object", properties },
          }),
        },
      });
    },
  });
  return { tool, states };
}

const greeting = definePrompt({
  name: "greeting",
  arguments: z.object({ style: z.string() }),
  handler({ args: { style }, inputResponses, requestState }) {
    const form = inputResponse(inputResponses, "form");
    if (form.kind === "elicit")
      return {
        messages: [{ role: "user", content: text(`${style} ${requestState()} ${form.action}`) }],
      };
    return inputRequired({
      inputRequests: {
        form: inputRequired.elicit({
          message: "?",
          requestedSchema: { type: "object", properties: {} },
        }),
      },
      requestState: "carried",
    });
  },
});

describe.each(KINDS)("the %s client", (kind) => {
  it("is asked by a handler that knows nothing of eras, round after round, in one session", async () => {
    const { tool, states } = planner();
    const here = await serveHere({ tools: [tool] });
    const client = await ownModel(kind, here.url, { answer: () => answerOf("swim") });
    const result = await client.call("plan", { who: "Ana" });
    expect(result["content"]).toEqual([text(`Ana in Ostend: ${JSON.stringify(text("swim"))}`)]);
    expect(client.elicited).toMatchObject([{ message: "Where to, Ana?" }]);
    expect(client.sampled).toMatchObject([
      { messages: [said("user", "What to do in Ostend?")], maxTokens: 10 },
    ]);
    expect(states).toEqual([undefined, undefined, "Ostend"]);
    expect(rows(here.folder, "SELECT value FROM session_state")).toEqual([{ value: "3" }]);
    // Only the 2025 era introduces itself.
    const introduced = rows(here.folder, "SELECT protocol_version FROM clients");
    expect(introduced).toHaveLength(kind === "v2 auto" ? 0 : 1);
  });

  it("is asked by a prompt", async () => {
    const here = await serveHere({ prompts: [greeting] });
    const client = await ownModel(kind, here.url);
    expect(await client.prompt("greeting", { style: "formal" })).toMatchObject({
      messages: [said("user", "formal carried accept")],
    });
    expect(client.elicited).toHaveLength(1);
  });

  it("answers chat with its own model, which is shown the conversation", async () => {
    const here = await serveHere();
    let turn = 0;
    const client = await ownModel(kind, `${here.url}?name=s`, {
      answer: () => answerOf(`answer ${++turn}`, `own-${turn}`),
    });
    await client.call("session_update", { system: "Be brief." });
    await client.call("history_append", { role: "tool", content: "21 °C" });
    const first = await client.call("chat", { prompt: "one" });
    expect(first["content"]).toEqual([text("answer 1")]);
    expect(first["structuredContent"]).toMatchObject({
      text: "answer 1",
      model: "own-1",
      question_seq: 2,
      answer_seq: 3,
      usage: { input_tokens: null, output_tokens: null },
    });
    const own = { system: "Rhyme.", max_tokens: 77, temperature: 0.5, model: "big" };
    await client.call("chat", { prompt: "two", ...own });
    const note = said("user", "[tool]\n21 °C");
    expect(client.sampled).toMatchObject([
      { messages: [note, said("user", "one")], systemPrompt: "Be brief.", maxTokens: 4_096 },
      {
        messages: [note, said("user", "one"), said("assistant", "answer 1"), said("user", "two")],
        systemPrompt: "Rhyme.",
        maxTokens: 77,
        temperature: 0.5,
        modelPreferences: { hints: [{ name: "big" }] },
      },
    ]);
    expect(rows(here.folder, "SELECT seq, role, content, status, model FROM messages")).toEqual([
      { seq: 1, role: "tool", content: "21 °C", status: "complete", model: null },
      { seq: 2, role: "user", content: "one", status: "complete", model: null },
      { seq: 3, role: "assistant", content: "answer 1", status: "complete", model: "own-1" },
      { seq: 4, role: "user", content: "two", status: "complete", model: null },
      { seq: 5, role: "assistant", content: "answer 2", status: "complete", model: "own-2" },
    ]);
    expect(rows(here.folder, "SELECT * FROM sessions")).toHaveLength(1);
  });

  it("answers chat with its own model over stdio too", async () => {
    const folder = temporaryFolder();
    const target = ["--data-dir", folder, "--name", "s"];
    const client = await ownModel(kind, target, { answer: () => answerOf("from the pipe") });
    const answer = await client.call("chat", { prompt: "one" });
    expect(answer["structuredContent"]).toMatchObject({ text: "from the pipe", model: "own-1" });
    expect(client.sampled).toMatchObject([{ messages: [said("user", "one")] }]);
    expect(transcript(folder)).toEqual([
      "1 user complete one",
      "2 assistant complete from the pipe",
    ]);
  });

  it("gets recall when it has no model", async () => {
    const here = await serveHere();
    const client = await ownModel(kind, `${here.url}?name=s`, { answer: null });
    await client.call("history_append", { role: "user", content: "My cat is called Ada." });
    const answer = await client.call("chat", { prompt: "What is my cat called?" });
    expect(answer["structuredContent"]).toMatchObject({ model: "recall" });
    expect(JSON.stringify(answer)).toContain("My cat is called Ada.");
  });

  it("is not asked when the server has a model", async () => {
    const model = await startModel();
    const config = { "model-url": model.url, model: "scripted-1" };
    const here = await serveHere({ config });
    const client = await ownModel(kind, here.url);
    const answer = await client.call("chat", { prompt: "hello" });
    expect(answer["structuredContent"]).toMatchObject({ text: "Answer to: hello" });
    expect([model.calls.length, client.sampled.length]).toEqual([1, 0]);
  });
});

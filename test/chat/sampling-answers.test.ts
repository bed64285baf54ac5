// What a caller's own model may answer `chat` with, and what the caller is told when it is no answer.
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { callModern } from "../support/modern.ts";
import { answerOf, KINDS, ownModel } from "../support/own-model.ts";
import { startServer } from "../support/process.ts";
import type { Json } from "../support/raw.ts";
import { codeOf } from "../support/raw.ts";
import { transcript } from "../support/rows.ts";

const text = (value: string) => ({ type: "text" as const, text: value });

describe.each(KINDS)("the %s client", (kind) => {
  it.each<[string, Json["content"]]>([
    ["an image", { type: "image", data: "aGk=", mimeType: "image/png" }],
    ["blanks", text(" \n ")],
  ])("is told when its model answers with %s only, and can ask again", async (_, content) => {
    const here = await serveHere();
    const answers = [{ ...answerOf(""), content }, answerOf("better")];
    const client = await ownModel(kind, `${here.url}?name=s`, { answer: () => answers.shift()! });
    const failed = await client.call("chat", { prompt: "one" });
    expect(failed).toMatchObject({ isError: true, _meta: { "holdfast/error": "model" } });
    expect(JSON.stringify(failed["content"])).toMatch(/gave no text.*Ask again/);
    expect(transcript(here.folder).join()).not.toContain("assistant");
    expect((await client.call("chat", { prompt: "one" }))["content"]).toEqual([text("better")]);
    expect(transcript(here.folder)).toEqual(["1 user complete one", "2 assistant complete better"]);
  });
});

it("an answer that is malformed is an error of the model, not of the server; the call can be made again", async () => {
  const folder = temporaryFolder();
  const server = await startServer({ folder });
  const args = { prompt: "one", request_key: "k-1" };
  const options = { capabilities: { sampling: {} } };
  const chat = (rounds: object = {}) =>
    callModern(`${server.url}?name=s`, "chat", args, { ...options, rounds });
  const { requestState } = (await chat()).messages[0]!["result"] as Json;
  const answered = (answer: unknown) => chat({ requestState, inputResponses: { answer } });
  const good = answerOf("good");
  const malformed: Record<string, unknown>[] = [
    { ...good, content: null },
    { ...good, content: [null] },
    { ...good, content: {} },
    { ...good, content: { type: "text", text: 5 } },
    { ...good, content: [text("good"), { type: "text", text: 5 }] },
    { ...good, content: "good" },
    { ...good, model: { a: 1 } },
    { ...good, model: undefined },
    { ...good, role: "system" },
  ];
  for (const answer of malformed) {
    const refused = await answered(answer);
    expect({ answer, isError: refused.isError, code: codeOf(refused) }).toEqual({
      ...{ answer, isError: true, code: "model" },
    });
    expect(refused.says).toMatch(/calling program's model/);
  }
  const told = server.errors().trim().split("\n");
  expect(told).toHaveLength(malformed.length);
  for (const line of told) expect(JSON.parse(line)).toMatchObject({ level: "warn", tool: "chat" });
  expect(transcript(folder)).toEqual([]);
  expect((await answered(good)).data).toMatchObject({ text: "good" });
  expect(transcript(folder)).toEqual(["1 user complete one", "2 assistant complete good"]);
});

// What cannot be asked is refused with a word that says why, before anything is stored or anybody is asked.
import { describe, expect, it } from "vitest";
import { bearer } from "../support/bearer.ts";
import { serveHere } from "../support/here.ts";
import { startModel } from "../support/model-server.ts";
import { callModern } from "../support/modern.ts";
import { answerOf, KINDS, ownModel } from "../support/own-model.ts";
import { serveWithKeys } from "../support/people.ts";
import { codeOf, introduce, type Json } from "../support/raw.ts";
import { transcript } from "../support/rows.ts";
import { sharedSession } from "../support/shared-session.ts";

const LONE = "\ud83d";

const faults: [what: string, args: Json, code: string, says: RegExp][] = [
  ["no text", { prompt: "" }, "invalid", /prompt: expected text that is not empty/],
  ["NUL in the prompt", { prompt: "a\0b" }, "invalid", /prompt contains a NUL/],
  [
    "half a character in the prompt",
    { prompt: `a${LONE}` },
    "invalid",
    /prompt is not valid Unicode/,
  ],
  ["too long a prompt", { prompt: "x".repeat(2_000) }, "limit", /prompt is 2000 bytes long/],
  ["NUL in the system prompt", { prompt: "a", system: "\0" }, "invalid", /system contains a NUL/],
  [
    "half a character in it",
    { prompt: "a", system: LONE },
    "invalid",
    /system is not valid Unicode/,
  ],
  [
    "too long a one",
    { prompt: "a", system: "é".repeat(600) },
    "limit",
    /system is 1200 bytes long/,
  ],
  ["NUL in the model's name", { prompt: "a", model: "\0" }, "invalid", /model contains a NUL/],
  [
    "too long a name",
    { prompt: "a", model: "m".repeat(501) },
    "invalid",
    /model is 501 bytes long/,
  ],
];

describe.each(faults)("chat with %s", (_, args, code, says) => {
  it("is refused, nobody is asked, nothing is stored, and the next chat works", async () => {
    const model = await startModel();
    const config = { "model-url": model.url, model: "scripted-1", "max-message": "1kb" };
    const { url, folder } = await serveHere({ config });
    const client = await introduce(url);
    const refused = await client.call("chat", args);
    expect(codeOf(refused)).toBe(code);
    expect(refused.says).toMatch(says);
    expect(model.calls).toEqual([]);
    expect(transcript(folder)).toEqual([]);
    expect((await client.call("chat", { prompt: "Well?" })).says).toBe("Answer to: Well?");
  });

  it("is refused before the caller's own model is asked", async () => {
    const { url, folder } = await serveHere({ config: { "max-message": "1kb" } });
    const answer = await callModern(`${url}?name=s`, "chat", args, SAMPLING);
    expect(codeOf(answer)).toBe(code);
    expect(transcript(folder)).toEqual([]);
  });
});

const SAMPLING = { capabilities: { sampling: {} } };

it("text that looks binary, but is text, is asked and kept as it is", async () => {
  const model = await startModel();
  const { url } = await serveHere({ config: { "model-url": model.url, model: "scripted-1" } });
  const client = await introduce(url);
  const prompt = "\u0001\u001b[31m\u007f\ufeff\ufffd\u{1f600}\r\n\t<|endoftext|>";
  await client.call("chat", { prompt });
  expect(model.calls[0]!.messages).toEqual([{ role: "user", content: prompt }]);
});

describe("at max-messages", () => {
  it("the model is not asked for an answer that has no room", async () => {
    const model = await startModel();
    const config = { "model-url": model.url, model: "scripted-1", "max-messages": 3 };
    const client = await introduce((await serveHere({ config })).url);
    await client.call("chat", { prompt: "One" });
    const refused = await client.call("chat", { prompt: "Two" });
    expect(codeOf(refused)).toBe("limit");
    expect(refused.says).toContain("max-messages");
    expect(model.calls).toHaveLength(1);
  });

  it.each(KINDS)("neither is the model of the %s client", async (kind) => {
    const { url } = await serveHere({ config: { "max-messages": 3 } });
    const client = await ownModel(kind, `${url}?name=s`, { answer: () => answerOf("hello") });
    expect(await client.call("chat", { prompt: "One" })).not.toHaveProperty("isError", true);
    expect(await client.call("chat", { prompt: "Two" })).toMatchObject({
      isError: true,
      _meta: { "holdfast/error": "limit" },
    });
    expect(client.sampled).toHaveLength(1);
  });
});

describe("whoever may only read", () => {
  it("a session is refused before the own model is asked", async () => {
    const server = await serveWithKeys();
    const session = await sharedSession(await server.person("ana"));
    const headers = bearer(await server.key("rita"));
    const args = { session, prompt: "One" };
    const refused = await callModern(server.url, "chat", args, { ...SAMPLING, headers });
    expect(codeOf(refused)).toBe("forbidden");
    expect(refused.says).toContain("session_share");
  });

  it("at all is refused before the own model is asked, also where no session is there yet", async () => {
    const server = await serveWithKeys();
    const headers = bearer(await server.key("rita", { scope: "read" }));
    const asked = await callModern(server.url, "chat", { prompt: "One" }, { ...SAMPLING, headers });
    expect(asked.messages[0]).not.toHaveProperty("result.resultType", "input_required");
  });
});

// Chat with a configured model: the history is the memory, the question is stored before the model is asked, and a
// question is answered once.
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type ClientVersion, connect, type TestClient } from "../support/clients.ts";
import { type ServeCommand, serveCommand } from "../support/command.ts";
import { temporaryFolder } from "../support/folder.ts";
import { openingHome } from "../support/home.ts";
import {
  isSilent,
  type ModelServer,
  refuses,
  says,
  startModel,
  streams,
} from "../support/model-server.ts";
import { startServer } from "../support/process.ts";
import { rawStdio, type Wire } from "../support/raw-stdio.ts";
import { rows, transcript } from "../support/rows.ts";

interface Scene {
  model: ModelServer;
  server: ServeCommand;
  client: TestClient;
  folder: string;
}

async function scene(version: ClientVersion = "v2", args: string[] = []): Promise<Scene> {
  const model = await startModel();
  const folder = temporaryFolder();
  const server = await serveCommand({ folder, args: [...model.args, ...args] });
  return { model, server, folder, client: await connect(version, server) };
}

const gate = () => Promise.withResolvers<void>();

describe("the model", () => {
  it("is shown the session's history, oldest first, the question last", async () => {
    const { model, client } = await scene();
    await client.call("history_append", { role: "system", content: "The year is 1999." });
    await client.call("chat", { prompt: "One" });
    await client.call("history_append", { role: "tool", content: "42 degrees" });
    await client.call("chat", { prompt: "Two" });
    expect(model.calls[1]!.messages).toEqual([
      { role: "system", content: "The year is 1999." },
      { role: "user", content: "One" },
      { role: "assistant", content: "Answer to: One" },
      { role: "user", content: expect.stringContaining("42 degrees") },
      { role: "user", content: "Two" },
    ]);
  });

  it("is told the session's system prompt, or the call's own instead", async () => {
    const { model, client } = await scene();
    await client.call("session_update", { system: "Be brief." });
    await client.call("chat", { prompt: "One" });
    await client.call("chat", { prompt: "Two", system: "Be a pirate." });
    const systems = model.calls.map(({ messages }) =>
      messages.filter(({ role }) => role === "system").map(({ content }) => content),
    );
    expect(systems).toEqual([["Be brief."], ["Be a pirate."]]);
    expect(model.calls.map(({ messages }) => messages[0]!.role)).toEqual(["system", "system"]);
  });

  it("gets the call's model, temperature and max_tokens, and nothing of them otherwise", async () => {
    const { model, client } = await scene("v2", ["--models", "scripted-2"]);
    const options = { model: "scripted-2", temperature: 0.5, max_tokens: 77 };
    const answer = await client.call("chat", { prompt: "One", ...options });
    await client.call("chat", { prompt: "Two" });
    expect(model.calls[0]).toMatchObject(options);
    expect(answer.data.model).toBe("scripted-2");
    expect(model.calls[1]).toMatchObject({ model: "scripted-1" });
    expect(model.calls[1]).not.toHaveProperty("temperature");
    expect(model.calls[1]).not.toHaveProperty("max_tokens");
  });

  it("never sees another session's messages", async () => {
    const { model, client, server } = await scene();
    await client.call("chat", { prompt: "My secret is 7." });
    const other = await connect("v1", server);
    await other.call("chat", { prompt: "Hello" });
    expect(model.calls[1]!.messages).toEqual([{ role: "user", content: "Hello" }]);
  });
});

describe("question and answer", () => {
  it("are stored before the model is asked and before the client is answered", async () => {
    const { model, client, folder } = await scene();
    const open = gate();
    model.next(says("Blue", open.promise, "."));
    const answer = client.call("chat", { prompt: "Which color?" });
    await model.called(1);
    expect(transcript(folder)).toEqual(["1 user pending Which color?"]);
    open.resolve();
    expect(await answer).toMatchObject({
      isError: false,
      text: "Blue.",
      data: {
        text: "Blue.",
        model: "scripted-1",
        question_seq: 1,
        answer_seq: 2,
        usage: { input_tokens: 11, output_tokens: 7 },
      },
    });
    expect(transcript(folder)).toEqual([
      "1 user complete Which color?",
      "2 assistant complete Blue.",
    ]);
    expect(rows(folder, "SELECT * FROM messages WHERE role = 'assistant'")).toMatchObject([
      { model: "scripted-1", input_tokens: 11, output_tokens: 7 },
    ]);
  });

  it("are not mixed up with a history that is cleared meanwhile", async () => {
    const { model, client, folder } = await scene();
    const open = gate();
    model.next(says("too ", open.promise, "late"));
    const answer = client.call("chat", { prompt: "One" });
    await model.called(1);
    await client.call("session_clear", { what: "history" });
    open.resolve();
    expect(await answer).toMatchObject({ isError: true, meta: { "holdfast/error": "conflict" } });
    expect(transcript(folder)).toEqual([]);
    expect((await client.call("chat", { prompt: "Two" })).text).toBe("Answer to: Two");
  });
});

for (const version of ["v1", "v2"] as const) {
  it(`progress for the ${version} client is the growing text while the model is still writing`, async () => {
    const { model, client } = await scene(version);
    const seen: { progress: number; message?: string | undefined }[] = [];
    // The model goes on until the client has been told three times, at a model's pace.
    async function* words(): AsyncGenerator<string> {
      for (let n = 1; seen.length < 3; n++) {
        yield `word ${n} `;
        await setTimeout(5); // ms
      }
    }
    model.next(streams(words));
    const answer = await client.call(
      "chat",
      { prompt: "What is it?" },
      { onprogress: (progress) => seen.push(progress) },
    );
    expect(seen.length).toBeGreaterThanOrEqual(3);
    for (const [i, { progress, message }] of seen.entries()) {
      expect(answer.text.startsWith(message!)).toBe(true);
      expect(progress).toBe(message!.length);
      expect(progress).toBeGreaterThan(seen[i - 1]?.progress ?? 0);
    }
  });
}

it("a client that did not ask for progress is sent the answer and nothing else", async () => {
  const model = await startModel();
  const raw = await rawStdio(["--data-dir", temporaryFolder(), ...model.args]);
  const before = raw.lines.length;
  model.next(says("One ", "two ", "three."));
  const answer = await raw.call("chat", { prompt: "Count" });
  expect(answer.result?.structuredContent?.["text"]).toBe("One two three.");
  expect(raw.lines.slice(before).map((line) => (JSON.parse(line) as Wire).id)).toEqual([answer.id]);
});

describe("two chats", () => {
  it("in one session never interleave: the second sees the first's answer", async () => {
    const { model, client, server } = await scene();
    const url = `${server.url}?name=shared`;
    const [one, two] = [await connect("v1", { url }), await connect("v2", { url })];
    const open = gate();
    model.next(says("First ", open.promise, "answer"));
    const first = one.call("chat", { prompt: "One" });
    await model.called(1);
    const second = two.call("chat", { prompt: "Two" });
    // Another session's whole turn fits in between: sessions do not wait for each other.
    expect((await client.call("chat", { prompt: "Else" })).text).toBe("Answer to: Else");
    expect(model.calls).toHaveLength(2);
    open.resolve();
    expect((await first).text).toBe("First answer");
    expect((await second).text).toBe("Answer to: Two");
    expect(model.calls[2]!.messages).toEqual([
      { role: "user", content: "One" },
      { role: "assistant", content: "First answer" },
      { role: "user", content: "Two" },
    ]);
  });
});

describe("a request_key", () => {
  const keyed = { prompt: "Buy it", request_key: "order-1" };

  it("gives the stored answer again without asking the model, also after SIGKILL", async () => {
    const model = await startModel();
    const folder = temporaryFolder();
    const server = await startServer({ folder, args: model.args });
    const client = await connect("v2", server);
    const first = await client.call("chat", keyed);
    expect((await client.call("chat", keyed)).data).toEqual(first.data);
    await server.kill();
    await startServer({ folder, args: model.args, port: server.port });
    expect((await client.call("chat", keyed)).data).toEqual(first.data);
    expect(model.calls).toHaveLength(1);
    expect(transcript(folder)).toHaveLength(2);
  });

  it("makes concurrent repetitions one question with one answer", async () => {
    const { model, client, folder } = await scene();
    const open = gate();
    model.next(says("Bought", open.promise, "."));
    const answers = [1, 2, 3].map(() => client.call("chat", keyed));
    await model.called(1);
    open.resolve();
    const [first, ...others] = await Promise.all(answers);
    expect(first).toMatchObject({ isError: false, text: "Bought." });
    for (const other of others) expect(other.data).toEqual(first!.data);
    expect(model.calls).toHaveLength(1);
    expect(transcript(folder)).toHaveLength(2);
  });

  it("with another prompt is a conflict that changes nothing", async () => {
    const { model, client, folder } = await scene();
    await client.call("chat", keyed);
    const other = await client.call("chat", { ...keyed, prompt: "Sell it" });
    expect(other).toMatchObject({ isError: true, meta: { "holdfast/error": "conflict" } });
    expect(other.text).toContain("new key");
    expect(model.calls).toHaveLength(1);
    expect(transcript(folder)).toHaveLength(2);
  });

  it("that is empty is none: models fill optional arguments in with empty text", async () => {
    const { client } = await scene();
    for (const prompt of ["One", "Two"]) {
      const { text } = await client.call("chat", { prompt, request_key: "" });
      expect(text).toBe(`Answer to: ${prompt}`);
    }
  });

  it("holds for a question that failed before without it", async () => {
    const { model, client } = await scene();
    model.next(refuses(400, "No."));
    expect((await client.call("chat", { prompt: "Buy it" })).isError).toBe(true);
    const first = await client.call("chat", keyed);
    expect(first.isError).toBe(false);
    expect((await client.call("chat", keyed)).data).toEqual(first.data);
    expect(model.calls).toHaveLength(2);
  });
});

describe("a failed question", () => {
  it("is asked again by the same prompt and not stored twice", async () => {
    const { model, client, folder } = await scene();
    model.next(refuses(400, "No."));
    expect((await client.call("chat", { prompt: "One" })).isError).toBe(true);
    expect(transcript(folder)).toEqual(["1 user failed One"]);
    expect((await client.call("chat", { prompt: "One" })).data).toMatchObject({
      question_seq: 1,
      answer_seq: 2,
    });
    expect(transcript(folder)).toEqual([
      "1 user complete One",
      "2 assistant complete Answer to: One",
    ]);
    expect(model.calls[1]!.messages).toEqual([{ role: "user", content: "One" }]);
  });

  it("is left out of what the model sees when something else is asked", async () => {
    const { model, client } = await scene();
    model.next(refuses(400, "No."));
    await client.call("chat", { prompt: "One" });
    await client.call("chat", { prompt: "Two" });
    expect(model.calls[1]!.messages).toEqual([{ role: "user", content: "Two" }]);
  });
});

for (const version of ["v1", "v2"] as const) {
  describe(`cancellation by the ${version} client`, () => {
    it("ends the model call, marks the question and frees the session", async () => {
      const { model, client, folder } = await scene(version);
      model.next(isSilent);
      const abort = new AbortController();
      const answer = client.call("chat", { prompt: "One" }, { signal: abort.signal });
      const refused = expect(answer).rejects.toThrow();
      const call = await model.called(1);
      abort.abort("no longer needed");
      await refused;
      await call.aborted;
      expect((await client.call("chat", { prompt: "Two" })).text).toBe("Answer to: Two");
      expect(transcript(folder)[0]).toBe("1 user interrupted One");
    });

    it("of a waiting chat never reaches the model", async () => {
      const model = await startModel();
      const folder = temporaryFolder();
      // Over stdio, where messages arrive in the order in which they were sent.
      const client = await connect(version, { stdio: ["--data-dir", folder, ...model.args] });
      const open = gate();
      model.next(says("First", open.promise));
      const first = client.call("chat", { prompt: "One" });
      await model.called(1);
      const abort = new AbortController();
      const second = client.call("chat", { prompt: "Two" }, { signal: abort.signal });
      const refused = expect(second).rejects.toThrow();
      abort.abort("no longer needed");
      await refused;
      await client.call("session_info"); // answered, so the cancellation has arrived too
      open.resolve();
      const { text, data } = await first;
      expect(text).toBe(openingHome("First", data["session"]));
      expect((await client.call("chat", { prompt: "Three" })).text).toBe("Answer to: Three");
      expect(model.calls).toHaveLength(2);
      expect(transcript(folder).filter((line) => line.includes("Two"))).toEqual([]);
    });
  });
}

// Endpoints of each kind answer chat alike: the history is shown, the text grows, tokens are counted, faults are told
// and secrets are not. And a call may name a model, of those that are allowed.
import { describe, expect, it } from "vitest";
import { connect, type TestClient } from "../support/clients.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { openingHome } from "../support/home.ts";
import {
  breaksOff,
  falters,
  type ModelServer,
  refuses,
  says,
  saysUncounted,
  sends,
  startModel,
} from "../support/model-server.ts";
import { anthropic, openai, type Wire } from "../support/model-wires.ts";
import { startServer } from "../support/process.ts";
import { rows, transcript } from "../support/rows.ts";

interface Scene {
  model: ModelServer;
  client: TestClient;
  folder: string;
}

async function scene(wire: Wire, config: object = {}): Promise<Scene> {
  const model = await startModel(wire);
  const { url, folder } = await serveHere({
    config: {
      "model-provider": wire.provider,
      "model-url": model.url,
      model: "scripted-1",
      ...config,
    },
  });
  return { model, folder, client: await connect("v2", { url }) };
}

const KEY = "tok_8f7e6d5c4b3a29180716";

describe.each([openai, anthropic])("an endpoint that speaks $provider", (wire) => {
  it("is shown the system prompt and the history, and what it says is stored with its cost", async () => {
    const { model, client, folder } = await scene(wire);
    await client.call("session_update", { system: "Be brief." });
    await client.call("chat", { prompt: "One" });
    const answer = await client.call("chat", { prompt: "Two" });
    expect(answer.data).toMatchObject({
      text: "Answer to: Two",
      usage: { input_tokens: 11, output_tokens: 7 },
    });
    expect(model.calls[1]!.messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "One" },
      { role: "assistant", content: "Answer to: One" },
      { role: "user", content: "Two" },
    ]);
    expect(
      rows(folder, "SELECT model, input_tokens, output_tokens FROM messages WHERE seq = 4"),
    ).toEqual([{ model: "scripted-1", input_tokens: 11, output_tokens: 7 }]);
  });

  it("sees a system message that comes first with the system prompt, as one", async () => {
    const { model, client } = await scene(wire);
    await client.call("history_append", { role: "system", content: "The year is 1999." });
    await client.call("chat", { prompt: "One", system: "Be brief." });
    expect(model.calls[0]!.messages).toEqual([
      { role: "system", content: "Be brief.\n\nThe year is 1999." },
      { role: "user", content: "One" },
    ]);
  });

  it("sees what others said in between: tools, and notes of the system", async () => {
    const { model, client } = await scene(wire);
    await client.call("chat", { prompt: "One" });
    await client.call("history_append", { role: "system", content: "It is late." });
    await client.call("history_append", { role: "tool", content: "42 degrees" });
    await client.call("chat", { prompt: "Two" });
    const seen = model.calls[1]!.messages.map(({ content }) => content).join("\n");
    expect(seen).toMatch(
      /One\n.*One\n(\[system\]\n)?It is late\.\n\[tool output\]\n42 degrees\nTwo$/,
    );
  });

  it("is asked again after 429 and 5xx, and only the answer is seen", async () => {
    const { model, client } = await scene(wire);
    model.next(refuses(429, "Slow down."), refuses(wire === anthropic ? 529 : 503, "Overloaded."));
    expect((await client.call("chat", { prompt: "One" })).text).toBe("Answer to: One");
    expect(model.calls).toHaveLength(3);
  });

  it("is given the time that it asks for", async () => {
    const { model, client } = await scene(wire);
    model.next(refuses(429, "In three seconds.", { "retry-after": "3" }));
    const asked = performance.now();
    expect((await client.call("chat", { prompt: "One" })).isError).toBe(false);
    expect(performance.now() - asked).toBeGreaterThanOrEqual(2_990); // ms; of itself it would wait two seconds
  });

  it("that names no time is given some", async () => {
    const { model, client } = await scene(wire);
    model.next(refuses(429, "Later.", {}));
    const asked = performance.now();
    expect((await client.call("chat", { prompt: "One" })).isError).toBe(false);
    expect(performance.now() - asked).toBeGreaterThanOrEqual(990); // ms
    expect(model.calls).toHaveLength(2);
  });

  it("is not asked again after 4xx, and its own words are told, without the key", async () => {
    const { model, client } = await scene(wire, { "model-key": KEY });
    model.next(refuses(401, `Invalid key ${KEY}, or sk-ant-api03-abc.`));
    const { isError, meta, text } = await client.call("chat", { prompt: "One" });
    expect({ isError, ...meta }).toMatchObject({ isError: true, "holdfast/error": "model" });
    expect(text).toContain("HTTP 401: Invalid key [key], or [key]");
    expect(text).toContain("The question is stored");
    expect(model.calls).toHaveLength(1);
    expect(model.calls[0]!.authorization).toContain(KEY);
  });

  it.each([
    ["falters in its answer", falters("The ans", `No budget for ${KEY}.`), /No budget for \[key\]/],
    ["breaks off", breaksOff("The ans"), /terminated|closed/],
    ["sends garbage", sends("data: {{{ nonsense\n\n"), /failed: \S+/],
    ["sends a web page", sends("<html>Welcome</html>", "text/html"), /failed: \S+/],
    ["says nothing", says(), /empty/],
    ["does not know the model", refuses(404, "No model of that name."), /No model of that name/],
  ])("that %s gives a tool error, and answers the next question", async (_, script, says) => {
    const { model, client, folder } = await scene(wire, { "model-key": KEY });
    model.next(script);
    const failed = await client.call("chat", { prompt: "One" });
    expect(failed).toMatchObject({ isError: true, meta: { "holdfast/error": "model" } });
    expect(failed.text).toMatch(says);
    expect(failed.text).not.toContain(KEY);
    expect((await client.call("chat", { prompt: "Two" })).text).toBe("Answer to: Two");
    expect(transcript(folder)).toEqual([
      "1 user failed One",
      "2 user complete Two",
      "3 assistant complete Answer to: Two",
    ]);
  });

  it.each(["v1", "v2", "auto"] as const)(
    "shows the %s client the growing text",
    async (version) => {
      const model = await startModel(wire);
      const config = { "model-provider": wire.provider, "model-url": model.url, model: "m" };
      const client = await connect(version, await serveHere({ config }));
      const told = Promise.withResolvers<unknown>();
      model.next(says("The first ", told.promise, "and the rest."));
      const seen: (string | undefined)[] = [];
      const onprogress = ({ message }: { message?: string | undefined }) => {
        seen.push(message);
        told.resolve(undefined);
      };
      const answer = await client.call("chat", { prompt: "One" }, { onprogress });
      expect(seen[0]).toBe("The first ");
      const text = "The first and the rest.";
      expect(answer.text).toBe(
        version === "auto" ? openingHome(text, answer.data["session"]) : text,
      );
    },
  );
});

it("an endpoint that does not count tokens leaves the counts empty", async () => {
  const { model, client, folder } = await scene(openai);
  model.next(saysUncounted("Hello"));
  const { usage } = (await client.call("chat", { prompt: "One" })).data;
  expect(usage).toEqual({ input_tokens: null, output_tokens: null });
  expect(rows(folder, "SELECT input_tokens, output_tokens FROM messages")).toEqual([
    { input_tokens: null, output_tokens: null },
    { input_tokens: null, output_tokens: null },
  ]);
});

it("an endpoint that wants a bound of the answer is told one, the call's own first", async () => {
  const { model, client } = await scene(anthropic);
  await client.call("chat", { prompt: "One" });
  await client.call("chat", { prompt: "Two", max_tokens: 77, temperature: 0.5 });
  expect(model.calls[0]!.max_tokens).toBeGreaterThanOrEqual(1_024);
  expect(model.calls[1]).toMatchObject({ max_tokens: 77, temperature: 0.5 });
});

it("the key comes from ANTHROPIC_API_KEY, and the program prints nothing about any of it", async () => {
  const model = await startModel(anthropic);
  const env = { ANTHROPIC_API_KEY: KEY, OPENAI_API_KEY: "sk-other" };
  const server = await startServer({ folder: temporaryFolder(), args: model.args, env });
  const client = await connect("v1", server);
  await client.call("chat", { prompt: "One", temperature: 2 });
  expect(model.calls[0]!.authorization).toBe(KEY);
  expect(server.errors()).toBe("");
});

describe("the model that a call names", () => {
  const config = { models: "scripted-2,scripted-3" };

  it("answers, and is noted with what it said", async () => {
    const { model, client } = await scene(openai, config);
    const answer = await client.call("chat", { prompt: "One", model: "scripted-3" });
    expect(answer.data.model).toBe("scripted-3");
    await client.call("chat", { prompt: "Two", model: "" });
    await client.call("chat", { prompt: "Three", model: "scripted-1" });
    expect(model.calls.map((call) => call.model)).toEqual([
      "scripted-3",
      "scripted-1",
      "scripted-1",
    ]);
  });

  it.each([
    [config, "scripted-1, scripted-2, scripted-3 can"],
    [{}, "scripted-1 can"],
  ])("with %j is refused when it is another; nothing is sent or stored", async (given, allowed) => {
    const { model, client, folder } = await scene(openai, given);
    const refused = await client.call("chat", { prompt: "One", model: "gpt-\u202eevil" });
    expect(refused).toMatchObject({ isError: true, meta: { "holdfast/error": "invalid" } });
    expect(refused.text).toContain(allowed);
    expect(refused.text).toContain("setting models");
    expect(model.calls).toEqual([]);
    expect(transcript(folder)).toEqual([]);
  });

  it("is named in the tool's description, so that a model can choose", async () => {
    const { url } = await serveHere({
      config: { "model-url": "http://127.0.0.1:9/v1", model: "scripted-1", ...config },
    });
    const client = await connect("v2", { url: `${url}?tools=all` });
    const chat = (await client.tools()).find(({ name }) => name === "chat");
    expect(JSON.stringify(chat)).toContain("One of: scripted-1, scripted-2, scripted-3.");
  });
});

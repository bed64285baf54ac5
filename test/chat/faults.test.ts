// Whatever the model does, the question is kept, the tool error says what happened and what to do, and the next chat
// works.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { connect, type TestClient, type ToolAnswer } from "../support/clients.ts";
import { temporaryFolder } from "../support/folder.ts";
import {
  breaksOff,
  isSilent,
  type ModelServer,
  refuses,
  says,
  type Script,
  sends,
  startModel,
} from "../support/model-server.ts";
import { freePort } from "../support/ports.ts";
import { type ServerOptions, type ServerProcess, startServer } from "../support/process.ts";
import { transcript } from "../support/rows.ts";

interface Scene {
  model: ModelServer;
  server: ServerProcess;
  client: TestClient;
  folder: string;
}

async function scene(options: Partial<ServerOptions> = {}): Promise<Scene> {
  const model = await startModel();
  const folder = temporaryFolder();
  const args = [...model.args, ...(options.args ?? [])];
  const server = await startServer({ ...options, folder, args });
  return { model, server, folder, client: await connect("v2", server) };
}

/** What every failure of the model has in common. */
function expectModelError(answer: ToolAnswer): void {
  expect(answer).toMatchObject({ isError: true, meta: { "holdfast/error": "model" } });
  expect(answer.text).toContain(
    "The question is stored: chat_retry, or the same prompt, asks it again.",
  );
}

const statuses = async (client: TestClient): Promise<string[]> =>
  ((await client.call("history_get")).data.messages as Record<string, string>[]).map(
    ({ role, status, content }) => `${role} ${status} ${content}`,
  );

const faults: Record<string, { scripts: Script[]; says: RegExp; args?: string[] }> = {
  "misses a key (401)": {
    scripts: [refuses(401, "No key.")],
    says: /HTTP 401: No key\. It was sent no key: HOLDFAST_MODEL_KEY sets one\./,
  },
  "does not know the name (404)": {
    scripts: [refuses(404, 'model "scripted-1" not found')],
    says: /HTTP 404: model "scripted-1" not found\. Are --model and --model-url right\?/,
  },
  "fails every time (500)": {
    scripts: [refuses(500, "Out of memory."), refuses(500, "Still."), refuses(500, "For good.")],
    says: /HTTP 500: For good\./,
  },
  "cuts the stream": {
    scripts: [breaksOff("The answer is")],
    says: /failed: .*(terminated|closed)/,
  },
  "ends the stream with no finish": {
    scripts: [sends(`data: {"choices":[{"index":0,"delta":{"content":"Half an ans"}}]}\n\n`)],
    says: /ended without a finish reason|broke off/,
  },
  "streams garbage": { scripts: [sends("data: {{{ nonsense\n\n")], says: /failed: \S+/ },
  "answers with a web page": {
    scripts: [sends("<html>Welcome to the router</html>", "text/html")],
    says: /It answered with a web page\. Is --model-url right\? Most end in \/v1\./,
  },
  "gives an empty answer": { scripts: [says()], says: /The answer is empty/ },
  "gives an answer of spaces": { scripts: [says("  \n")], says: /The answer is empty/ },
  "never answers": {
    scripts: [isSilent],
    args: ["--model-timeout", "1s"],
    says: /no answer within 1 s/,
  },
  "stops talking in the middle": {
    scripts: [says("The answer ", new Promise(() => undefined))],
    args: ["--model-timeout", "1s"],
    says: /no answer within 1 s/,
  },
};

for (const [fault, { scripts, says: message, args = [] }] of Object.entries(faults)) {
  it(`a model that ${fault} is a tool error; the question is kept and the next chat works`, async () => {
    const { model, client, server } = await scene({ args });
    await client.call("chat", { prompt: "Before" });
    model.next(...scripts);
    const failed = await client.call("chat", { prompt: "One" });
    expectModelError(failed);
    expect(failed.text).toMatch(message);
    expect(model.calls).toHaveLength(1 + scripts.length);
    const before = ["user complete Before", "assistant complete Answer to: Before"];
    expect(await statuses(client)).toEqual([...before, "user failed One"]);
    expect((await client.call("chat", { prompt: "One" })).text).toBe("Answer to: One");
    expect(await statuses(client)).toEqual([
      ...before,
      "user complete One",
      "assistant complete Answer to: One",
    ]);
    const [line, ...more] = server.errors().trim().split("\n");
    expect(more).toEqual([]);
    const { reason, ...told } = JSON.parse(line!) as Record<string, string>;
    expect(reason).toMatch(/^The (model|answer)/);
    expect(told).toMatchObject({ level: "warn", tool: "chat", program: "test-client 1.2.3" });
  });
}

it("a model that is down is a tool error that names the address and the reason", async () => {
  const port = await freePort();
  const args = ["--model-url", `http://127.0.0.1:${port}/v1`, "--model", "m"];
  const client = await connect("v1", await startServer({ folder: temporaryFolder(), args }));
  const failed = await client.call("chat", { prompt: "One" });
  expectModelError(failed);
  expect(failed.text).toContain(`m at http://127.0.0.1:${port}/v1`);
  expect(failed.text).toContain("ECONNREFUSED");
  expect(await statuses(client)).toEqual(["user failed One"]);
});

it("a busy model (429) is asked again, and the client sees only the answer", async () => {
  const { model, client } = await scene();
  model.next(refuses(429, "Slow down."), refuses(503, "Loading."));
  const answer = await client.call("chat", { prompt: "One" });
  expect(answer).toMatchObject({ isError: false, text: "Answer to: One" });
  expect(model.calls).toHaveLength(3);
  expect(await statuses(client)).toEqual([
    "user complete One",
    "assistant complete Answer to: One",
  ]);
});

describe("the key", () => {
  const KEY = "tok_8f7e6d5c4b3a29180716";

  it("is sent to the model and shown to nobody, even when the model quotes it", async () => {
    const { model, client, server, folder } = await scene({
      env: { HOLDFAST_MODEL_KEY: KEY },
      args: ["--log-level", "debug"],
    });
    const quoted = `data: {"error":{"message":"The key ${KEY} has no budget left."}}\n\n`;
    model.next(refuses(401, `Incorrect API key provided: ${KEY}.`), sends(quoted));
    const refused = await client.call("chat", { prompt: "One" });
    expectModelError(refused);
    expect(refused.text).toContain(
      "Incorrect API key provided: [key]. It does not accept the key that it was sent",
    );
    const inStream = await client.call("chat", { prompt: "Two" });
    expectModelError(inStream);
    expect(inStream.text).toContain("The key [key] has no budget left.");
    expect(model.calls.map(({ authorization }) => authorization)).toEqual([
      `Bearer ${KEY}`,
      `Bearer ${KEY}`,
    ]);
    expect(JSON.stringify([refused, inStream])).not.toContain(KEY);
    expect(await server.stop()).toBe(0);
    expect(server.errors()).not.toContain(KEY);
    const files = readdirSync(folder).map((file) => readFileSync(join(folder, file), "latin1"));
    expect(files.join("")).toContain("Two"); // the question is there, so this is the right place to look
    expect(files.join("")).not.toContain(KEY);
  });

  it("in the endpoint's address is not shown either", async () => {
    const address = new URL((await startModel()).url);
    address.username = "me";
    address.password = KEY;
    const args = ["--model-url", address.href, "--model", "m"];
    const server = await startServer({ folder: temporaryFolder(), args });
    const answer = await (await connect("v2", server)).call("chat", { prompt: "One" });
    expect(JSON.stringify(answer)).not.toContain(KEY);
    expect(server.errors()).not.toContain(KEY);
  });
});

describe("SIGKILL while the model is answering", () => {
  it("leaves an interrupted question that the same prompt answers in place", async () => {
    const { model, client, server, folder } = await scene();
    await client.call("chat", { prompt: "Before" });
    model.next(says("The ans", new Promise(() => undefined)));
    const leaving = new AbortController();
    const lost = expect(
      client.call("chat", { prompt: "One" }, { signal: leaving.signal }),
    ).rejects.toThrow();
    await model.called(2);
    expect(transcript(folder).at(-1)).toBe("3 user pending One");
    await server.kill();
    leaving.abort();
    await startServer({ folder, args: model.args, port: server.port });
    const before = ["user complete Before", "assistant complete Answer to: Before"];
    expect(await statuses(client)).toEqual([...before, "user interrupted One"]);
    const answer = await client.call("chat", { prompt: "One" });
    expect(answer.data).toMatchObject({ question_seq: 3, answer_seq: 4, text: "Answer to: One" });
    expect(await statuses(client)).toEqual([
      ...before,
      "user complete One",
      "assistant complete Answer to: One",
    ]);
    await lost;
  });

  it("leaves a question that its request_key finds again after other messages", async () => {
    const { model, client, server, folder } = await scene();
    const keyed = { prompt: "Buy it", request_key: "order-1" };
    model.next(isSilent);
    const leaving = new AbortController();
    const lost = expect(client.call("chat", keyed, { signal: leaving.signal })).rejects.toThrow();
    await model.called(1);
    await server.kill();
    leaving.abort();
    await startServer({ folder, args: model.args, port: server.port });
    await client.call("chat", { prompt: "Hello" });
    const answer = await client.call("chat", keyed);
    expect(answer.data).toMatchObject({ question_seq: 1, text: "Answer to: Buy it" });
    expect((await client.call("chat", keyed)).data).toEqual(answer.data);
    expect(transcript(folder).filter((line) => line.includes("user"))).toEqual([
      "1 user complete Buy it",
      "2 user complete Hello",
    ]);
    await lost;
  });
});

it("SIGTERM while the model is answering waits for the answer", async () => {
  const { model, client, server } = await scene();
  const open = Promise.withResolvers<void>();
  model.next(says("Done", open.promise));
  const answer = client.call("chat", { prompt: "One" });
  await model.called(1);
  const code = server.stop();
  open.resolve();
  expect((await answer).text).toBe("Done");
  expect(await code).toBe(0);
});

it("a client that leaves for good while the model is writing takes nobody else with it", async () => {
  const { model, server, client, folder } = await scene();
  const open = Promise.withResolvers<void>();
  model.next(says("A word. ", open.promise, "Another. ", "And one more. "));
  const leaving = await connect("v1", server);
  const gone = new Promise((resolve) => {
    void leaving.call("chat", { prompt: "One" }, { onprogress: resolve }).catch(() => undefined);
  });
  await gone;
  const ended = await fetch(server.url, {
    method: "DELETE",
    headers: { "mcp-session-id": leaving.id! },
  });
  expect(ended.status).toBe(200);
  open.resolve();
  expect((await client.call("chat", { prompt: "Two" })).text).toBe("Answer to: Two");
  expect(transcript(folder)).toContain("1 user interrupted One");
  expect(server.errors()).toBe("");
});

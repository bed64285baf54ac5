// What the server asks of its clients (sampling): on the stream of the call that asks, answered on any later POST, and
// never confused with a question from before a restart.
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
} from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as HttpV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { defineTool, inputRequired } from "../../src/index.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { INTERRUPTED } from "../support/interrupted.ts";
import { modernHeaders, modernRequest } from "../support/modern.ts";
import { FIXTURE, startServer } from "../support/process.ts";
import { eventsOf, introduce, type Json, post, type RawClient, read, rpc } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

const INFO = { name: "sampler", version: "1" };
const SAMPLING = { capabilities: { sampling: {} } };

const reply = (text: string) => ({
  role: "assistant" as const,
  model: "own",
  content: { type: "text" as const, text },
});

/** Clients whose own model answers with the length of what it is asked. */
const samplers: Record<string, (url: string) => Promise<(prompt: string) => Promise<unknown>>> = {
  async v1(url) {
    const client = new ClientV1(INFO, SAMPLING);
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) =>
      reply(JSON.stringify(params.messages)),
    );
    await client.connect(new HttpV1(new URL(url)));
    onTestFinished(() => client.close());
    return async (prompt) =>
      (await client.callTool({ name: "ask_model", arguments: { prompt } })).content;
  },
  async v2(url) {
    const client = new ClientV2(INFO, SAMPLING);
    client.setRequestHandler("sampling/createMessage", ({ params }) =>
      reply(JSON.stringify(params.messages)),
    );
    await client.connect(new HttpV2(new URL(url)));
    onTestFinished(() => client.close());
    return async (prompt) =>
      (await client.callTool({ name: "ask_model", arguments: { prompt } })).content;
  },
};

for (const [version, connect] of Object.entries(samplers)) {
  it(`the ${version} client's own model answers before and after a SIGKILL`, async () => {
    const folder = temporaryFolder();
    const first = await startServer({ folder, script: FIXTURE });
    const ask = await connect(first.url);
    expect(JSON.stringify(await ask("before"))).toContain("before");
    await first.kill();
    await startServer({ folder, script: FIXTURE, port: first.port });
    expect(JSON.stringify(await ask("after"))).toContain("after");
  });
}

interface Question {
  /** What the server asked, and the id of the event that brought it. */
  message: Json;
  eventId: string;
  drop(): void;
}

/** Calls ask_model and waits for the question on the call's stream. */
async function asked(client: RawClient, id: number): Promise<Question> {
  return firstEvent(
    await client.post(rpc("tools/call", { name: "ask_model", arguments: { prompt: "?" } }, id)),
  );
}

/** Waits for a stream's first message. */
async function firstEvent(response: Response): Promise<Question> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const message = eventsOf(text).at(-1);
    const eventId = [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1];
    if (message && eventId) return { message, eventId, drop: () => void reader.cancel() };
    const { value, done } = await reader.read();
    if (done) throw new Error(`The stream ended without a question: ${text}`);
    text += value;
  }
}

const resume = async (client: RawClient, eventId: string) =>
  fetch(client.url, {
    headers: { ...client.headers, accept: "text/event-stream", "last-event-id": eventId },
  });

it("a question whose stream was dropped is answered on a later POST, and the call's result is there to resume", async () => {
  const { url } = await startServer({ folder: temporaryFolder(), script: FIXTURE });
  const client = await introduce(url, SAMPLING);
  const question = await asked(client, 7);
  expect(question.message).toMatchObject({ method: "sampling/createMessage" });
  question.drop();
  const answer = { jsonrpc: "2.0", id: question.message["id"], result: reply("forty-two") };
  expect((await client.post(answer)).status).toBe(202);
  const resumed = await read(await resume(client, question.eventId));
  expect(resumed.messages).toMatchObject([{ id: 7, result: {} }]);
  expect(JSON.stringify(resumed.messages)).toContain("forty-two");
  // Replayed whole: there is nothing more to come.
  const last = [...resumed.text.matchAll(/^id: (.*)$/gm)].at(-1)![1]!;
  expect((await resume(client, last)).status).toBe(405);
});

it("an answer to a question from before a restart never lands on a new question", async () => {
  const folder = temporaryFolder();
  const first = await startServer({ folder, script: FIXTURE });
  const client = await introduce(first.url, SAMPLING);
  const old = await asked(client, 7);
  await first.kill();
  await startServer({ folder, script: FIXTURE, port: first.port });
  const interrupted = await read(await resume(client, old.eventId));
  expect(interrupted.messages).toMatchObject([{ id: 7, result: INTERRUPTED }]);

  const fresh = await asked(client, 8);
  expect(fresh.message["id"]).not.toBe(old.message["id"]);
  const answer = (id: unknown, text: string) =>
    client.post({ jsonrpc: "2.0", id, result: reply(text) });
  expect((await answer(old.message["id"], "stale")).status).toBe(202);
  expect((await answer(fresh.message["id"], "right")).status).toBe(202);
  const outcome = await read(await resume(client, fresh.eventId));
  expect(JSON.stringify(outcome.messages)).toContain("right");
  expect(JSON.stringify(outcome.messages)).not.toContain("stale");
});

it("a number that would change in a person's answer ends the call with its place, in either era", async () => {
  const requestedSchema = { type: "object", properties: { n: { type: "number" } } } as const;
  const count = inputRequired.elicit({ message: "How many?", requestedSchema });
  const asks = defineTool({
    ...{ name: "asks", description: "Asks for a number.", session: "none" },
    handler: ({ inputResponses: given }) =>
      given ? JSON.stringify(given) : inputRequired({ inputRequests: { count } }),
  });
  const { url } = await serveHere({ tools: [asks] });
  const content = '{"action":"accept","content":{"n":9007199254740993}}';
  const why = "content.n is 9007199254740993, which has more digits than a number keeps";

  const capabilities = { elicitation: { form: {} } };
  const client = await introduce(url, { capabilities });
  const response = await client.post(rpc("tools/call", { name: "asks", arguments: {} }, 7));
  const { message, eventId, drop } = await firstEvent(response);
  drop();
  const id = JSON.stringify(message["id"]);
  const posted = await client.post(`{"jsonrpc":"2.0","id":${id},"result":${content}}`);
  expect(posted.status).toBe(202);
  const outcome = await read(await resume(client, eventId));
  expect(JSON.stringify(outcome.messages)).toContain(why);

  const params = { name: "asks", arguments: {}, inputResponses: 0 };
  const request = modernRequest("tools/call", params, { capabilities });
  const text = JSON.stringify(request).replace(
    '"inputResponses":0',
    `"inputResponses":{"count":${content}}`,
  );
  const refused = await read(await post(url, text, modernHeaders(request)));
  expect(refused.messages).toMatchObject([{ id: 1, error: { code: -32602 } }]);
  expect(refused.text).toContain(`inputResponses.count.${why}`);
  const exact = await read(
    await post(url, text.replace("9007199254740993", "1e3"), modernHeaders(request)),
  );
  expect(exact.text).toContain('\\"n\\":1000');
});

it("an event that is no longer stored is an explicit error, and so is another client's", async () => {
  const { url } = await startServer({ folder: temporaryFolder(), script: FIXTURE });
  const [one, other] = [await introduce(url, SAMPLING), await introduce(url, SAMPLING)];
  const { eventId } = await asked(one, 7);
  expect((await resume(other, eventId)).status).toBe(410);
  expect((await resume(one, "999.1")).status).toBe(410);
  expect((await resume(one, "nonsense")).status).toBe(400);
});

it("a call whose progress was too much to keep says so to whoever comes back, and brings its answer", async () => {
  const { promise: gone, resolve: leave } = Promise.withResolvers<void>();
  const chatter = defineTool({
    ...{ name: "chatter", description: "Tells its progress in many steps.", input: z.object({}) },
    async handler({ progress }) {
      await progress(1);
      await gone;
      for (let step = 2; step <= 500; step++) await progress(step);
      return "done";
    },
  });
  const { url, folder } = await serveHere({ config: { "stream-events": "100" }, tools: [chatter] });
  const client = await introduce(url, SAMPLING);
  const params = { name: "chatter", arguments: {}, _meta: { progressToken: "p" } };
  const { eventId, drop } = await firstEvent(await client.post(rpc("tools/call", params, 9)));
  drop();
  leave();
  await expect.poll(() => rows(folder, "SELECT * FROM open_requests")).toEqual([]);
  const { messages } = await read(await resume(client, eventId));
  expect(messages[0]).toMatchObject({
    method: "notifications/message",
    params: { level: "warning", data: expect.stringMatching(/^\d+ earlier messages of this call/) },
  });
  expect(messages.at(-1)).toMatchObject({ id: 9, result: { content: [{ text: "done" }] } });
  expect(messages.length).toBeGreaterThan(90);
  expect(messages.length).toBeLessThan(150);
});

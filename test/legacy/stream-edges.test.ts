// Moments at which streams used to go wrong: take-overs of half-open connections, clients that leave in the middle of a
// call, news about what was cleared.
import { once } from "node:events";
import { connect as dial } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { defineTool } from "../../src/index.ts";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gate, serveHere } from "../support/here.ts";
import { FIXTURE, startServer } from "../support/process.ts";
import { BOTH, eventsOf, introduce, type RawClient, read, rpc } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

/** Reads a stream until `enough` of its text. */
async function until(response: Response, enough: (text: string) => boolean): Promise<string> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!enough(text)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The stream ended early: ${text}`);
    text += value;
  }
  reader.releaseLock();
  return text;
}

function listenFrom(client: RawClient, lastEventId: string): Promise<Response> {
  const leaving = new AbortController();
  onTestFinished(() => leaving.abort());
  const headers = { ...client.headers, accept: "text/event-stream", "last-event-id": lastEventId };
  return fetch(client.url, { headers, signal: leaving.signal });
}

it("a resumed GET stream takes over from its half-open connection and gets what comes next", async () => {
  const { url } = await serveHere();
  const [listener, writer] = [await introduce(url), await introduce(url)];
  const uri = `holdfast://sessions/${await writer.session()}/state/k`;
  await listener.ask("resources/subscribe", { uri });
  const halfOpen = await listener.listen();
  const first = await until(halfOpen, (text) => text.includes("id: "));
  const again = await listenFrom(listener, /^id: (.*)$/m.exec(first)![1]!);
  await writer.call("state_set", { key: "k", value: 1 });
  const text = await until(again, (got) => eventsOf(got).length > 0);
  expect(eventsOf(text)).toMatchObject([
    { method: "notifications/resources/updated", params: { uri } },
  ]);
});

it("subscribers of a value hear when its session is cleared or deleted", async () => {
  const { url, folder } = await serveHere();
  const [listener, writer] = [await introduce(url), await introduce(url)];
  await writer.call("state_set", { key: "k", value: 1 });
  const uri = `holdfast://sessions/${await writer.session()}/state/k`;
  await listener.ask("resources/subscribe", { uri });
  const stream = await listener.listen();
  await writer.call("session_clear", { what: "state" });
  // News that waits is not told twice.
  await expect.poll(() => rows(folder, "SELECT * FROM outbox")).toEqual([]);
  await writer.call("session_delete");
  const text = await until(stream, (got) => eventsOf(got).length >= 2);
  expect(eventsOf(text).map(({ params }) => params.uri)).toEqual([uri, uri]);
});

it("a client that leaves in the middle of a call whose tool awaits nothing takes nobody with it", async () => {
  const [running, goOn] = [gate(), gate()];
  const careless = defineTool({
    name: "careless",
    description: "Reports progress without waiting for it.",
    async handler({ progress }) {
      running.open();
      await goOn.wait;
      for (let n = 1; n < 5; n++) void progress(n);
      return "done";
    },
  });
  const { url } = await serveHere({ tools: [careless] });
  const client = await introduce(url);
  const params = { name: "careless", arguments: {}, _meta: { progressToken: 1 } };
  const call = client.post(rpc("tools/call", params, 5));
  await running.wait;
  expect((await client.end()).status).toBe(200);
  goOn.open();
  await (await call).text().catch(() => undefined);
  expect((await (await introduce(url)).ask("ping")).status).toBe(200);
});

it("a value that is set and cleared in one call of a new session is gone", async () => {
  const setAndClear = defineTool({
    name: "set_and_clear",
    description: "Sets a value and clears the session.",
    async handler({ session }) {
      await session.state.set("a", 1);
      await session.clear("all");
      return String(await session.state.get("a"));
    },
  });
  const { url } = await serveHere({ tools: [setAndClear] });
  const client = await introduce(url);
  expect((await client.call("set_and_clear")).says).toBe("undefined");
});

it("a client without priming events keeps its stream when a tool would end it in the middle", async () => {
  const pausing = defineTool({
    name: "pausing",
    description: "Ends its stream in the middle.",
    handler({ closeStream }) {
      closeStream();
      return "still here";
    },
  });
  const { url } = await serveHere({ tools: [pausing] });
  const old = await introduce(url, { version: "2025-06-18" });
  const answer = await read(
    await old.post(rpc("tools/call", { name: "pausing", arguments: {} }, 5)),
  );
  expect(JSON.stringify(answer.messages)).toContain("still here");
});

it("the first thing that a client reads of a stream holds an id to come back with", async () => {
  const server = await startServer({ folder: temporaryFolder(), script: FIXTURE });
  const client = await introduce(server.url);
  const first = async (): Promise<string> => {
    const body = JSON.stringify(
      rpc("tools/call", { name: "count", arguments: {} }, client.nextId()),
    );
    const headers = {
      host: new URL(server.url).host,
      "content-type": "application/json",
      "content-length": body.length,
      accept: BOTH,
      ...client.headers,
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = dial(server.port, "127.0.0.1");
    socket.write(`POST /mcp HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
    const [chunk] = (await once(socket, "data")) as [Buffer];
    socket.destroy();
    return chunk.toString();
  };
  for (let i = 0; i < 50; i++) expect(await first()).toMatch(/\r\n\r\n[^]*^id: \d+\.0$/m);
});

it("a tool that tells much without a pause has all of it stored, sent in order, and before its answer", async () => {
  const TOLD = 500;
  const telling = defineTool({
    name: "telling",
    description: "Tells progress in a tight loop.",
    session: "optional",
    async handler({ progress }) {
      for (let n = 1; n <= TOLD; n++) {
        if (n % 3 === 0) void progress(n);
        else await progress(n);
      }
      return "all told";
    },
  });
  const { url, folder } = await serveHere({ tools: [telling] });
  const client = await introduce(url);
  const params = { name: "telling", arguments: {}, _meta: { progressToken: "t" } };
  const { messages } = await read(await client.post(rpc("tools/call", params, 5)));
  const told = messages.slice(0, -1).map((message) => message.params!["progress"]);
  expect(told).toEqual(Array.from({ length: TOLD }, (_, n) => n + 1));
  expect(JSON.stringify(messages.at(-1))).toContain("all told");
  const stored = openDatabase(folder)
    .prepare("SELECT data FROM stream_events ORDER BY stream_id, seq")
    .pluck()
    .all() as string[];
  expect(stored.map((data) => JSON.parse(data) as unknown)).toEqual(messages);
});

it("a cancellation that comes while its call is being stored ends the call", async () => {
  const hold = defineTool({
    ...{ name: "hold", description: "For a test.", session: "none" },
    handler: ({ signal }) =>
      new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve())),
  });
  const { url } = await serveHere({ tools: [hold] });
  const client = await introduce(url);
  const request = (message: object): string => {
    const body = JSON.stringify(message);
    const headers = {
      ...{ host: new URL(url).host, accept: BOTH, "content-type": "application/json" },
      ...{ "content-length": body.length, ...client.headers },
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    return ["POST /mcp HTTP/1.1", ...lines, "", body].join("\r\n");
  };
  const params = { requestId: 2 };
  const cancelled = { jsonrpc: "2.0", method: "notifications/cancelled", params };
  const socket = dial(Number(new URL(url).port), "127.0.0.1").setEncoding("utf8");
  onTestFinished(() => void socket.destroy());
  socket.write(request(rpc("tools/call", { name: "hold" }, 2)) + request(cancelled));
  let text = "";
  socket.on("data", (data: string) => (text += data));
  // The answer to the cancellation comes behind the end of the call's stream.
  while (!text.includes("202 Accepted")) await once(socket, "data");
  expect(text).not.toContain('"result"');
});

// A client in memory is only a cache of its row: it is dropped when others need the room, or with the process, and built
// again with its next request. Nobody notices.
import { afterEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { LiveClient } from "../../src/mcp/legacy/live-client.ts";
import { gate, serveHere } from "../support/here.ts";
import { CAPABILITIES, INFO, introduce, type RawClient, read, rpc } from "../support/raw.ts";

afterEach(() => vi.restoreAllMocks());

/** Logs once at two levels: which of them arrive tells the client's level. */
const speak = defineTool({
  name: "speak",
  description: "Logs at debug and at info.",
  response: "json",
  async handler({ log }) {
    await log("debug", "whisper");
    await log("info", "word");
    await log("error", "shout");
    return "spoken";
  },
});

async function heard(client: RawClient): Promise<string[]> {
  const { messages, says } = await client.call("speak");
  expect(says).toBe("spoken");
  return messages
    .filter(({ method }) => method === "notifications/message")
    .map(({ params }) => params["data"] as string);
}

/** Counts rehydrations and leaves them as they are. */
const rehydrations = () => vi.spyOn(LiveClient, "rehydrate");

describe("with room for one idle client", () => {
  const config = { "live-clients": 1 };

  it("many clients take turns and each finds everything as it left it", async () => {
    const rehydrate = rehydrations();
    const { url } = await serveHere({ config });
    const versions = ["2025-03-26", "2025-06-18", "2025-11-25"];
    const clients = await Promise.all(
      versions.map((version, n) => introduce(url, { version, info: { ...INFO, version: `${n}` } })),
    );
    const sessions = await Promise.all(clients.map((client) => client.session()));
    for (let round = 1; round <= 4; round++) {
      for (const [n, client] of clients.entries()) {
        const set = await client.call("state_set", { key: "turn", value: [n, round] });
        expect(set.data).toMatchObject({ session: sessions[n], version: round });
        const got = await clients[n]!.call("state_get", { key: "turn" });
        expect(got.data["value"]).toEqual([n, round]);
        expect((await client.call("session_info")).data).toMatchObject({
          session: sessions[n],
          client: { name: INFO.name, version: `${n}`, protocol_version: versions[n] },
          capabilities: CAPABILITIES,
        });
      }
    }
    expect(rehydrate.mock.calls.length).toBeGreaterThanOrEqual(9); // it did happen
  });

  it("many clients at the same time get their own answers", async () => {
    const { url } = await serveHere({ config });
    const clients = await Promise.all(Array.from({ length: 5 }, () => introduce(url)));
    const sessions = await Promise.all(clients.map((client) => client.session()));
    const calls = clients.flatMap((client, n) =>
      Array.from({ length: 10 }, async (_, i) => {
        const { data } = await client.call("state_set", { key: `${i}`, value: client.id });
        expect(data["session"]).toBe(sessions[n]);
      }),
    );
    await Promise.all(calls);
    for (const client of clients) {
      const { data } = await client.call("state_list");
      expect(data["entries"]).toHaveLength(10);
      expect(new Set(data["entries"].map(({ value }: { value: unknown }) => value))).toEqual(
        new Set([client.id]),
      );
    }
  });

  it("the log level stays what the client set", async () => {
    const rehydrate = rehydrations();
    const { url } = await serveHere({ config, tools: [speak] });
    const [quiet, loud] = [await introduce(url), await introduce(url)];
    await quiet.ask("logging/setLevel", { level: "error" });
    await loud.ask("logging/setLevel", { level: "debug" });
    for (let round = 0; round < 3; round++) {
      expect(await heard(quiet)).toEqual(["shout"]);
      expect(await heard(loud)).toEqual(["whisper", "word", "shout"]);
    }
    await quiet.ask("logging/setLevel", { level: "info" });
    await loud.ask("ping");
    expect(await heard(quiet)).toEqual(["word", "shout"]);
    expect(rehydrate.mock.calls.length).toBeGreaterThanOrEqual(6);
  });

  it("a running call and an open stream are not disturbed by the others", async () => {
    const rehydrate = rehydrations();
    const [running, answering] = [gate(), gate()];
    const wait = defineTool({
      name: "wait",
      description: "Waits for the test, then stores.",
      async handler({ session, progress, signal }) {
        running.open();
        await answering.wait;
        await progress(1, 1, "nearly");
        await session.state.set("waited", true);
        return signal.aborted ? "disturbed" : "undisturbed";
      },
    });
    const { url } = await serveHere({ config, tools: [wait] });
    const [busy, listening] = [await introduce(url), await introduce(url)];
    const stream = await listening.listen();
    const reader = stream.body!.getReader();
    await reader.read(); // the priming event
    const nothing = reader.read();
    const params = { name: "wait", arguments: {}, _meta: { progressToken: "p" } };
    const call = busy.post(rpc("tools/call", params, 9));
    await running.wait;

    const others = await Promise.all(Array.from({ length: 4 }, () => introduce(url)));
    for (const other of [...others, ...others]) await other.call("session_info");
    const before = rehydrate.mock.calls.length;
    expect(before).toBeGreaterThanOrEqual(4);
    // Both are still in memory: their further requests rebuild nothing.
    await busy.ask("ping");
    await listening.ask("ping");
    expect(rehydrate.mock.calls.length).toBe(before);

    answering.open();
    const answer = await read(await call);
    expect(answer.messages).toMatchObject([
      { method: "notifications/progress", params: { progressToken: "p", message: "nearly" } },
      { id: 9, result: { content: [{ text: "undisturbed" }] } },
    ]);
    expect((await busy.call("state_get", { key: "waited" })).data["value"]).toBe(true);
    const first = await Promise.race([nothing, Promise.resolve("open")]);
    expect(first).toBe("open");
  });
});

describe("after a restart", () => {
  it("twenty concurrent first requests rebuild the client once, and all are answered", async () => {
    const first = await serveHere();
    const client = await introduce(first.url);
    const { session } = (await client.call("state_set", { key: "k", value: "before" })).data;
    await first.stop();

    const rehydrate = rehydrations();
    client.url = (await serveHere({ folder: first.folder })).url;
    const calls = Array.from({ length: 20 }, (_, n) =>
      n % 2 === 0
        ? client.call("state_get", { key: "k" })
        : client.call("state_set", { key: `k${n}`, value: n }),
    );
    for (const { data } of await Promise.all(calls)) expect(data["session"]).toBe(session);
    expect(rehydrate).toHaveBeenCalledTimes(1);
    const { data } = await client.call("state_list");
    expect(data["entries"]).toHaveLength(11);
  });

  it("twenty concurrent first requests of one id are each answered", async () => {
    const [first, answering] = [await serveHere(), gate()];
    const client = await introduce(first.url);
    await first.stop();
    const waits = defineTool({
      name: "waits",
      description: "Waits for the test.",
      handler: () => answering.wait.then(() => "done"),
    });
    client.url = (await serveHere({ folder: first.folder, tools: [waits] })).url;
    const message = rpc("tools/call", { name: "waits" }, "same");
    const responses = await Promise.all(Array.from({ length: 20 }, () => client.post(message)));
    answering.open();
    for (const answer of await Promise.all(responses.map(read)))
      expect(answer.messages).toMatchObject([{ id: "same", result: {} }]);
  });

  it("the log level and the capabilities are what they were, over several restarts", async () => {
    let here = await serveHere({ tools: [speak] });
    const client = await introduce(here.url);
    expect(await heard(client)).toEqual(["whisper", "word", "shout"]);
    await client.ask("logging/setLevel", { level: "info" });
    for (let restart = 0; restart < 2; restart++) {
      await here.stop();
      here = await serveHere({ folder: here.folder, tools: [speak] });
      client.url = here.url;
      expect(await heard(client)).toEqual(["word", "shout"]);
      expect((await client.call("session_info")).data).toMatchObject({
        client: { name: INFO.name, version: INFO.version, protocol_version: "2025-11-25" },
        capabilities: CAPABILITIES,
      });
    }
  });

  it("a refused log level changes nothing", async () => {
    const first = await serveHere({ tools: [speak] });
    const client = await introduce(first.url);
    await client.ask("logging/setLevel", { level: "error" });
    const refused = await client.ask("logging/setLevel", { level: "loud" });
    expect(refused.messages).toMatchObject([{ error: {} }]);
    expect(await heard(client)).toEqual(["shout"]);
    await first.stop();
    client.url = (await serveHere({ folder: first.folder, tools: [speak] })).url;
    expect(await heard(client)).toEqual(["shout"]);
  });

  it("an unknown log level is called wrong params, as the specification says", async () => {
    const client = await introduce((await serveHere()).url);
    const refused = await client.ask("logging/setLevel", { level: "loud" });
    expect(refused.messages).toMatchObject([{ error: { code: -32602 } }]);
  });

  it("any request may be the first: a stream, a notification, a ping, a DELETE", async () => {
    const first = await serveHere();
    const clients = await Promise.all(Array.from({ length: 4 }, () => introduce(first.url)));
    const [listening, notifying, pinging, leaving] = clients as [
      RawClient,
      RawClient,
      RawClient,
      RawClient,
    ];
    await first.stop();
    const { url } = await serveHere({ folder: first.folder });
    for (const client of clients) client.url = url;
    const stream = await listening.listen();
    expect(stream.status).toBe(200);
    expect(stream.headers.get("content-type")).toBe("text/event-stream");
    const changed = { jsonrpc: "2.0", method: "notifications/roots/list_changed" };
    expect((await read(await notifying.post(changed))).status).toBe(202);
    expect((await pinging.ask("ping")).messages).toMatchObject([{ result: {} }]);
    expect((await leaving.end()).status).toBe(200);
    expect((await leaving.ask("ping")).status).toBe(404);
  });
});

describe("an answer", () => {
  const quick = defineTool({
    name: "quick",
    description: "Waits for nothing.",
    input: z.object({ fail: z.boolean().default(false) }),
    response: "json",
    handler({ input }) {
      if (input.fail) throw new Error("private reason");
      return "at once";
    },
  });
  const slow = defineTool({ name: "slow", description: "May wait.", handler: () => "at last" });

  const contentType = async (client: RawClient, name: string, args = {}) => {
    const answer = await client.call(name, args);
    expect(answer.status).toBe(200);
    expect(answer.messages).toHaveLength(1);
    return answer.headers.get("content-type");
  };

  it("of a quick tool is JSON, of one that may wait an event stream", async () => {
    const client = await introduce((await serveHere({ tools: [quick, slow] })).url);
    expect(await contentType(client, "quick")).toBe("application/json");
    expect(await contentType(client, "quick", { fail: true })).toBe("application/json");
    expect(await contentType(client, "state_get", { key: "k" })).toBe("application/json");
    expect(await contentType(client, "no_such_tool")).toBe("application/json");
    expect(await contentType(client, "slow")).toBe("text/event-stream");
    expect(await contentType(client, "chat", { prompt: "Hello" })).toBe("text/event-stream");
    const list = await client.ask("tools/list");
    expect(list.headers.get("content-type")).toBe("application/json");
  });

  it("of a quick tool becomes a stream when it has something to say on the way", async () => {
    const client = await introduce((await serveHere({ tools: [speak] })).url);
    const answer = await client.call("speak");
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    expect(answer.messages.map(({ method, id }) => method ?? typeof id)).toEqual([
      "notifications/message",
      "notifications/message",
      "notifications/message",
      "number",
    ]);
  });

  it("of a tool that may wait begins before the tool has ended", async () => {
    const answering = gate();
    const waits = defineTool({
      name: "waits",
      description: "Waits for the test.",
      handler: () => answering.wait.then(() => "done"),
    });
    const client = await introduce((await serveHere({ tools: [waits] })).url);
    const response = await client.post(rpc("tools/call", { name: "waits" }));
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    answering.open();
    expect((await read(response)).text).toContain("done");
  });
});

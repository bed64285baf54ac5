// Three nodes on one PostgreSQL database behind a load balancer without affinity: any request may reach any node.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { connect, VERSIONS } from "../support/clients.ts";
import { gate, serveHere } from "../support/here.ts";
import { balanced, metrics, startNodes } from "../support/nodes.ts";
import { emptyDatabase } from "../support/postgres.ts";
import { eventsOf, introduce, rpc } from "../support/raw.ts";

/** A tool that runs until the test opens its gate; `aborted` resolves when a call of it is cancelled. */
function waitingTool() {
  const { wait, open } = gate();
  const begun = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const tool = defineTool({
    name: "wait",
    description: "Waits.",
    input: z.object({}),
    async handler({ progress, signal }) {
      signal.addEventListener("abort", () => aborted.resolve());
      await progress(1, 2);
      begun.resolve();
      await wait;
      return "waited";
    },
  });
  return { tool, open, begun: begun.promise, aborted: aborted.promise };
}

describe("any node serves any request", () => {
  it.each(VERSIONS)("of the %s client, who notices nothing", async (version) => {
    const url = `${await balanced(await startNodes())}?name=work`;
    const client = await connect(version, { url });
    await client.follow("holdfast://sessions");
    for (let n = 1; n <= 6; n += 1) {
      const { data } = await client.call("state_set", { key: "counter", value: n });
      expect(data).toMatchObject({ version: n });
      await client.call("history_append", { role: "user", content: `message ${n}` });
    }
    expect((await client.call("state_get", { key: "counter" })).data).toMatchObject({ value: 6 });
    const { data } = await client.call("history_get");
    expect(data.messages.map(({ seq }: { seq: number }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect((await client.call("history_search", { query: "message 6" })).text).toContain("**6**");
    const answer = await client.call("chat", { prompt: "Which message was the last?" });
    expect(answer.isError, answer.text).toBe(false);
    // News of what another client does, at whichever node.
    const other = await connect("v1", { url: url.replace("work", "other") });
    const before = client.updates.length;
    await other.call("state_set", { key: "hello", value: 1 });
    await expect.poll(() => client.updates.length).toBeGreaterThan(before);
  });
});

describe("a message of a client reaches the node that waits for it", () => {
  it("when it answers a question", async () => {
    const url = `${await balanced(await startNodes())}?name=work`;
    const client = new Client({ name: "asked", version: "1" }, { capabilities: { sampling: {} } });
    onTestFinished(() => client.close());
    client.setRequestHandler(CreateMessageRequestSchema, () => ({
      ...{ model: "own", role: "assistant" as const },
      content: { type: "text" as const, text: "my own answer" },
    }));
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    for (let n = 0; n < 3; n += 1) {
      const result = await client.callTool({ name: "chat", arguments: { prompt: `Who ${n}?` } });
      expect(result.content).toMatchObject([{ text: "my own answer" }]);
    }
  });

  it("when it cancels a call", async () => {
    const { tool, open, begun, aborted } = waitingTool();
    onTestFinished(open);
    const nodes = await startNodes({ tools: [tool] });
    const client = await introduce(nodes[0]!.url);
    const response = await client.post(rpc("tools/call", { name: "wait", arguments: {} }, 7));
    await begun;
    client.url = nodes[1]!.url;
    await client.post({
      ...{ jsonrpc: "2.0", method: "notifications/cancelled" },
      params: { requestId: 7 },
    });
    await aborted;
    expect(eventsOf(await response.text()).filter((event) => event["result"])).toEqual([]);
  });

  it("when it ends", async () => {
    const { tool, open, begun } = waitingTool();
    onTestFinished(open);
    const nodes = await startNodes({ tools: [tool] });
    const client = await introduce(nodes[0]!.url);
    const response = await client.post(rpc("tools/call", { name: "wait", arguments: {} }, 7));
    await begun;
    client.url = nodes[1]!.url;
    expect((await client.end()).status).toBe(200);
    await response.text(); // the stream ends
    client.url = nodes[2]!.url;
    expect((await client.ask("ping")).status).toBe(404);
  });
});

describe("a call goes on", () => {
  it("and its answer comes through the node where its stream was resumed", async () => {
    const { tool, open, begun } = waitingTool();
    const nodes = await startNodes({ tools: [tool] });
    const client = await introduce(nodes[0]!.url);
    const leaving = new AbortController();
    const call = {
      ...rpc("tools/call", { name: "wait", arguments: {}, _meta: { progressToken: "p" } }, 7),
    };
    const response = await fetch(client.url, {
      method: "POST",
      headers: {
        ...{ "content-type": "application/json", accept: "application/json, text/event-stream" },
        ...client.headers,
      },
      body: JSON.stringify(call),
      signal: leaving.signal,
    });
    await begun;
    const reader = response.body!.getReader();
    const first = new TextDecoder().decode((await reader.read()).value);
    const id = /^id: (.+)$/m.exec(first)![1]!;
    leaving.abort();
    client.url = nodes[1]!.url;
    const resumed = await fetch(client.url, {
      headers: { ...client.headers, accept: "text/event-stream", "last-event-id": id },
    });
    expect(resumed.status).toBe(200);
    open();
    const events = eventsOf(await resumed.text());
    expect(events.at(-1)).toMatchObject({ id: 7, result: { content: [{ text: "waited" }] } });
  });

  it("once, when the same key arrives at several nodes", async () => {
    const nodes = await startNodes();
    const clients = await Promise.all(nodes.map(({ url }) => introduce(`${url}?name=work`)));
    const message = { role: "user", content: "once", request_key: "k-1" };
    const said = await Promise.all(clients.map((client) => client.call("history_append", message)));
    for (const { isError, says } of said) expect(isError, says).toBe(false);
    expect(said.map(({ data }) => data["seq"])).toEqual([1, 1, 1]);
  });
});

describe("a node whose listening connection is cut", () => {
  it("hears of changes again by itself, and tells of them meanwhile", async () => {
    const database = await emptyDatabase();
    const config = { "database-url": database.url, "pool-size": 4 };
    const one = await serveHere({ config });
    const two = await serveHere({ config });
    const follower = await connect("v1", { url: `${one.url}?name=work` });
    const other = await connect("v1", { url: `${two.url}?name=work` });
    await other.call("state_set", { key: "fact", value: 0 });
    const { session } = (await other.call("session_info")).data;
    await follower.follow(`holdfast://sessions/${session}/state/fact`);
    const hears = async (value: number): Promise<void> => {
      const before = follower.updates.length;
      await other.call("state_set", { key: "fact", value });
      await expect.poll(() => follower.updates.length).toBeGreaterThan(before);
    };
    await hears(1);
    await database.client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN holdfast' AND datname = current_database()",
    );
    await hears(2);
    await expect.poll(() => metrics(one)).toContain("holdfast_listening 1");
    await hears(3);
    const lag: unknown = expect.stringMatching(/^holdfast_listener_lag_seconds 0\.\d/);
    await expect.poll(() => metrics(one)).toContainEqual(lag);
  });
});

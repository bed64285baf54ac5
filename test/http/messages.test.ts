// What is wrong with the JSON-RPC messages in a POST is said precisely, and costs nobody anything: introductions,
// batches, request ids, notifications.
import { describe, expect, it } from "vitest";
import { serveHere } from "../support/here.ts";
import { INFO, initialize, type Json, post, read, rpc } from "../support/raw.ts";
import { clientWithData, expectIntact, expectRefused } from "../support/refusals.ts";
import { rows } from "../support/rows.ts";

describe("initialize", () => {
  it.each<[string, Json]>([
    ["without params", rpc("initialize")],
    ["without clientInfo", initialize({ clientInfo: undefined })],
    ["with a clientInfo that has no version", initialize({ clientInfo: { name: INFO.name } })],
    ["with a number as protocol version", initialize({ protocolVersion: 2025 })],
    ["with capabilities that are no object", initialize({ capabilities: "all" })],
  ])("%s is an error and leaves no row", async (_, message) => {
    const here = await serveHere();
    const answer = await read(await post(here.url, message));
    expect(answer.status).toBe(400);
    expect(answer.messages).toMatchObject([{ id: 1, error: { code: -32602 } }]);
    expect(answer.headers.get("mcp-session-id")).toBeNull();
    expect(rows(here.folder, "SELECT * FROM clients")).toEqual([]);
    await expectIntact(await clientWithData(here.url));
  });

  it("without an id, or in a batch, is an error and leaves no row", async () => {
    const here = await serveHere();
    const { id: _, ...notification } = initialize();
    for (const body of [notification, [initialize()], [initialize(), rpc("ping", {}, 2)]]) {
      expectRefused(await read(await post(here.url, body)), 400, -32600, /initialize/);
    }
    expect(rows(here.folder, "SELECT * FROM clients")).toEqual([]);
  });
});

describe("a batch", () => {
  const pings = [
    rpc("ping", {}, "a"),
    { jsonrpc: "2.0", method: "notifications/x" },
    rpc("ping", {}, 2),
  ];

  it("of a 2025-03-26 client is answered as an array, a failed request beside the others", async () => {
    const client = await clientWithData((await serveHere()).url, "2025-03-26");
    const answer = await read(await client.post([...pings, rpc("no/such/method", {}, 3)]));
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toHaveLength(3);
    const byId = new Map(answer.messages.map((message) => [message.id, message]));
    expect([byId.get("a"), byId.get(2)]).toMatchObject([{ result: {} }, { result: {} }]);
    expect(byId.get(3)).toMatchObject({ error: { code: -32601 } });
    const single = await read(await client.post([rpc("ping", {}, 4)]));
    expect(JSON.parse(single.text)).toEqual([{ jsonrpc: "2.0", id: 4, result: {} }]);
    await expectIntact(client);
  });

  const odd = [
    7,
    {},
    { jsonrpc: "1.0", id: 8, method: "ping" },
    { jsonrpc: "2.0", id: 9, result: 9 },
    rpc("tools/call", { name: "no\0tool" }, 10),
    { jsonrpc: "2.0", method: "notifications/x", params: { text: "\ud800" } },
  ];
  const refusals = [
    { id: null, error: { code: -32600 } },
    { id: null, error: { code: -32600 } },
    { id: 8, error: { code: -32600, message: expect.stringContaining("jsonrpc") as string } },
    { id: null, error: { code: -32600 } },
    { id: 10, error: { code: -32602, message: expect.stringContaining("params.name") as string } },
  ];

  it("has its odd entries refused one by one, in JSON and on a stream", async () => {
    const client = await clientWithData((await serveHere()).url, "2025-03-26");
    const answer = await read(await client.post([...odd, ...pings]));
    expect(answer.status).toBe(200);
    expect(answer.messages).toMatchObject([...refusals, { id: "a" }, { id: 2, result: {} }]);
    const quiet = await read(await client.post([odd[1], pings[1]]));
    expect(quiet).toMatchObject({ status: 200, messages: [{ id: null }] });
    const chat = rpc("tools/call", { name: "chat", arguments: { prompt: "What is kept?" } }, 3);
    const streamed = await read(await client.post([...odd, chat]));
    expect(streamed.headers.get("content-type")).toContain("event-stream");
    expect(streamed.messages).toMatchObject([...refusals, { id: 3, result: {} }]);
    const accept = { accept: "application/json" };
    const whole = await read(
      await post(client.url, [...odd, chat], { ...client.headers, ...accept }),
    );
    expect(whole.messages).toMatchObject([...refusals, { id: 3, result: {} }]);
    expectRefused(await read(await client.post([7, {}])), 400, -32600, /./);
  });

  it("without a session has its odd entries refused one by one too", async () => {
    const { url } = await serveHere();
    const answer = await read(await post(url, [...odd, rpc("tools/list", {}, "b")]));
    expect(answer.messages).toMatchObject([...refusals, { id: "b", result: {} }]);
  });

  it.each(["2025-06-18", "2025-11-25"])("of a %s client is refused", async (version) => {
    const client = await clientWithData((await serveHere()).url, version);
    const set = rpc("tools/call", { name: "state_set", arguments: { key: "kept", value: 2 } });
    expectRefused(await read(await client.post([set])), 400, -32600, /has no batches/);
    await expectIntact(client);
  });

  it("of nothing, or of more than a hundred messages, is refused", async () => {
    const client = await clientWithData((await serveHere()).url, "2025-03-26");
    const hundred = Array.from({ length: 100 }, (_, i) => rpc("ping", {}, i));
    expectRefused(await read(await client.post([])), 400, -32600, /empty/);
    const tooMany = await read(await client.post([...hundred, rpc("ping", {}, "last")]));
    expectRefused(tooMany, 400, -32600, /at most 100/);
    expect((await read(await client.post(hundred))).messages).toHaveLength(100);
    await expectIntact(client);
  });

  it("that uses one request id twice is refused as a whole", async () => {
    const client = await clientWithData((await serveHere()).url, "2025-03-26");
    const set = rpc("tools/call", { name: "state_set", arguments: { key: "kept", value: 2 } }, 5);
    const answer = await read(await client.post([set, rpc("ping", {}, 5)]));
    expect(answer.status).toBe(400);
    expect(answer.messages).toMatchObject([{ error: { code: -32600 } }]);
    await expectIntact(client);
  });
});

describe("requests and notifications", () => {
  it("a POST of nothing but notifications or answers is accepted without a body", async () => {
    const client = await clientWithData((await serveHere()).url, "2025-03-26");
    const changed = { jsonrpc: "2.0", method: "notifications/roots/list_changed" };
    const unknown = { jsonrpc: "2.0", method: "notifications/of/nobody", params: { a: 1 } };
    const late = { jsonrpc: "2.0", id: 12, result: {} };
    for (const body of [changed, unknown, late, [changed, late]]) {
      expect(await read(await client.post(body))).toMatchObject({ status: 202, text: "" });
    }
    await expectIntact(client);
  });

  it("an unknown method and wrong params of a known one are told apart", async () => {
    const client = await clientWithData((await serveHere()).url);
    expect((await client.ask("no/such/method")).messages).toMatchObject([
      { error: { code: -32601 } },
    ]);
    const wrong = await client.ask("tools/call", { name: 7 });
    expect(wrong.messages).toMatchObject([{ error: { code: -32602 } }]);
    await expectIntact(client);
  });

  it("an address that names its session twice, or badly, is the caller's mistake", async () => {
    const client = await clientWithData((await serveHere()).url);
    const tooLong = `name=${"ü".repeat(101)}`;
    for (const query of ["name=a&session=b", "name=%20", "name=%00", tooLong]) {
      const answer = await read(await post(`${client.url}?${query}`, rpc("ping"), client.headers));
      expect(answer.status).toBe(400);
      expect(answer.headers.get("retry-after")).toBeNull(); // to send it again does not help
      expect([-32600, -32602]).toContain(answer.messages[0]!["error"].code);
      expect(answer.text).toContain("name");
    }
    await expectIntact(client);
  });
});

// null for what is not there, around the arguments of tools; and how a request's faults are told.
import { beforeAll, describe, expect, it } from "vitest";
import { defineTool } from "../../src/index.ts";
import { dropNulls } from "../../src/mcp/messages/absent.ts";
import { serveHere } from "../support/here.ts";
import { callModern, envelope, modernHeaders, postModern } from "../support/modern.ts";
import { introduce, type Json, post, read, rpc } from "../support/raw.ts";

const LISTS = ["tools/list", "resources/list", "resources/templates/list", "prompts/list"];

describe("null", () => {
  it("for params, for any member of them and of _meta, is nothing, in both eras", async () => {
    const { url } = await serveHere();
    const client = await introduce(url);
    const result = async (message: Json, era: "legacy" | "modern"): Promise<unknown> => {
      const answer = era === "legacy" ? await client.post(message) : await postModern(url, message);
      const [{ id, error, result }] = (await read(answer)).messages as [Json];
      return [error, id, typeof result];
    };
    const right = [undefined, 77, "object"];
    for (const method of ["ping", ...LISTS]) {
      expect(await result({ ...rpc(method, {}, 77), params: null }, "legacy")).toEqual(right);
    }
    const meta = { progressToken: null, "holdfast/request-key": null };
    for (const method of LISTS) {
      const params = { cursor: null, _meta: null };
      expect(await result(rpc(method, params, 77), "legacy")).toEqual(right);
      const _meta = { ...envelope(), ...meta };
      expect(await result(rpc(method, { cursor: null, _meta }, 77), "modern")).toEqual(right);
    }
    const call = { name: "session_list", arguments: null, _meta: meta };
    expect(await result(rpc("tools/call", call, 77), "legacy")).toEqual(right);
    const modern = { ...call, _meta: { ...envelope(), ...meta } };
    expect(await result(rpc("tools/call", modern, 77), "modern")).toEqual(right);
    const none = { ...call, arguments: [] }; // an empty object, as PHP writes it
    expect(await result(rpc("tools/call", none, 77), "legacy")).toEqual(right);
    await client.call("state_set", { key: "k", value: 1 });
    const prompt = { name: "continue_conversation", arguments: { session: null } };
    expect(await result(rpc("prompts/get", prompt, 77), "legacy")).toEqual(right);
    expect(await result(rpc("prompts/get", { ...prompt, arguments: null }, 77), "legacy")).toEqual(
      right,
    );
    const ref = { type: "ref/prompt", name: "continue_conversation" };
    const typed = { ref, argument: { name: "session", value: null }, context: { arguments: null } };
    expect(await result(rpc("completion/complete", typed, 77), "legacy")).toEqual(right);
    const initialized = {
      jsonrpc: "2.0",
      id: null,
      method: "notifications/initialized",
      params: null,
    };
    expect((await client.post(initialized)).status).toBe(202);
  });

  it("in an introduction is nothing", async () => {
    const { url } = await serveHere();
    const clientInfo = { name: "go", version: "1", title: null };
    const capabilities = { roots: null, sampling: null, experimental: null };
    const params = { protocolVersion: "2025-06-18", capabilities, clientInfo, _meta: null };
    const { status, messages } = await read(await post(url, rpc("initialize", params)));
    expect([status, messages[0]!["result"].protocolVersion]).toEqual([200, "2025-06-18"]);
    for (const none of [null, []]) {
      const answer = await post(url, rpc("initialize", { ...params, capabilities: none }));
      expect((await read(answer)).messages).toMatchObject([{ result: { capabilities: {} } }]);
    }
  });

  it("in each field that other kinds of messages have is nothing", async () => {
    const client = await introduce((await serveHere()).url);
    const none = { id: null, method: null, params: null, result: null, error: null };
    const { messages } = await read(await client.post({ ...none, ...rpc("ping", {}, 77) }));
    expect(messages).toEqual([{ jsonrpc: "2.0", id: 77, result: {} }]);
    for (const message of [
      { method: "notifications/initialized" },
      { id: 1, result: {} },
      { id: 1, error: { code: 1, message: "No." } },
    ])
      expect((await client.post({ ...none, jsonrpc: "2.0", ...message })).status).toBe(202);
  });

  it("stays in what a tool or its author may take it for", () => {
    const params = {
      ...{ name: "t", arguments: { a: null, b: { c: null } } },
      ...{ inputResponses: { q: null }, _meta: { mine: { d: null } } },
    };
    const body = rpc("tools/call", params);
    dropNulls(body);
    expect(body["params"]).toEqual(params);
  });
});

describe("an address", () => {
  it("with an empty name or session names none", async () => {
    const { url } = await serveHere();
    for (const query of ["?name=", "?session=", "?name=&session="]) {
      const client = await introduce(`${url}${query}`);
      expect((await client.call("session_info")).isError).toBe(false);
    }
  });
});

describe("a fault of a request", () => {
  let wrong: [method: string, params: Json, field: string][];

  beforeAll(() => {
    wrong = [
      ["tools/call", {}, "name"],
      ["tools/call", { name: 7 }, "name"],
      ["tools/call", { name: "session_list", arguments: "all" }, "arguments"],
      ["resources/read", {}, "uri"],
      ["resources/list", { cursor: 7 }, "cursor"],
      [
        "prompts/get",
        { name: "continue_conversation", arguments: { session: 7 } },
        "arguments.session",
      ],
      ["completion/complete", { argument: { name: "session", value: "" } }, "ref"],
    ];
  });

  it("is told in one line with the field, under the request's id, in both eras", async () => {
    const { url } = await serveHere();
    const client = await introduce(url);
    for (const [method, params, field] of [...wrong, ["resources/subscribe", {}, "uri"] as const]) {
      const { messages } = await read(await client.post(rpc(method, params, 77)));
      expect([method, messages]).toMatchObject([method, [{ id: 77, error: { code: -32602 } }]]);
      expect(messages[0]!["error"].message).toMatch(new RegExp(`^${field}: [^\\n\\[{]*\\.$`));
    }
    for (const [method, params, field] of wrong) {
      const message = rpc(method, { ...params, _meta: envelope() }, 77);
      const headers = { ...modernHeaders(message) };
      const { messages } = await read(await postModern(url, message, { headers }));
      expect(messages[0]!["id"]).toBe(77);
      expect(messages[0]!["error"].message).toMatch(new RegExp(`^${field}: [^\\n\\[{]*\\.$`));
    }
    const { messages } = await read(await post(url, rpc("initialize", { capabilities: {} }, 77)));
    expect(messages[0]).toMatchObject({ id: 77, error: { code: -32602 } });
    expect(messages[0]!["error"].message).toMatch(/^[^\n[{]*protocolVersion[^\n[{]*\.$/);
    const unnamed = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x" } };
    const told = await read(await post(url, rpc("initialize", unnamed, 77)));
    expect(told.messages[0]!["error"].message).toMatch(/^initialize: clientInfo\.version: /);
  });
});

describe("what is answered", () => {
  it("has no characters raw that readers take for the end of a line, as JSON and as a stream", async () => {
    const { url } = await serveHere();
    const client = await introduce(url);
    const content = "a\u2028b\u2029c\u0085d";
    const answers = [
      await client.call("history_append", { role: "user", content }),
      await client.call("chat", { prompt: content }),
      await client.call("history_get"),
      await client.call(content),
      await read(await client.post({ jsonrpc: content, id: content, method: content })),
    ];
    for (const { text } of answers) expect(text).not.toMatch(/[\u2028\u2029\u0085]/);
    expect(answers[2]!.messages[0]!["result"].structuredContent.messages[0].content).toBe(content);
    expect(answers[4]!.messages[0]!["id"]).toBe(content);
  });

  it("has no half of a surrogate pair, for which strict readers refuse a message, from tools neither", async () => {
    const half = "a\ud83d";
    const cuts = defineTool({
      name: "cuts",
      description: half,
      session: "none",
      handler: async ({ log }) => {
        await log("error", half);
        return `${half} \\ud83d 😀`;
      },
    });
    const { url } = await serveHere({ tools: [cuts], config: { "log-level": "silent" } });
    const client = await introduce(url);
    const called = await client.call("cuts");
    const answers = [called, await client.ask("tools/list"), await callModern(url, "cuts")];
    for (const { text } of answers) expect(text).not.toMatch(/(?<!\\)\\ud[89a-f]/);
    expect(called.messages.at(-1)!["result"].content[0].text).toBe("a\ufffd \\ud83d 😀");
  });
});

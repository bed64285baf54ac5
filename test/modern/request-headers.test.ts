// 2026-07-28 over HTTP: the headers that every request has must be there and agree with the body; what claims the era in
// a wrong way is refused under its own id, and nothing of it runs. Not here: the headers of arguments.
import { describe, expect, it } from "vitest";
import { definePrompt } from "../../src/index.ts";
import { serveHere } from "../support/here.ts";
import {
  askModern,
  callModern,
  envelope,
  expectMismatch,
  MODERN,
  modernRequest,
  postModern,
} from "../support/modern.ts";
import { introduce, type Json, post, read, rpc } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

const VERSION_KEY = "io.modelcontextprotocol/protocolVersion";
const CLIENT_KEY = "io.modelcontextprotocol/clientInfo";
const CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities";

describe("the standard headers", () => {
  const set = { name: "state_set", arguments: { key: "k", value: 1 } };

  it.each<[string, Record<string, string | undefined>]>([
    ["without MCP-Protocol-Version", { "mcp-protocol-version": undefined }],
    ["with another MCP-Protocol-Version", { "mcp-protocol-version": "2025-11-25" }],
    ["without Mcp-Method", { "mcp-method": undefined }],
    ["with another Mcp-Method", { "mcp-method": "tools/list" }],
    ["with an Mcp-Method in other letters", { "mcp-method": "Tools/Call" }],
    ["without Mcp-Name", { "mcp-name": undefined }],
    ["with an empty Mcp-Name", { "mcp-name": "" }],
    ["with another Mcp-Name", { "mcp-name": "state_get" }],
    ["with an Mcp-Name in other letters", { "mcp-name": "State_Set" }],
    ["with an Mcp-Name that is no base64", { "mcp-name": "=?base64?%%%?=" }],
  ])("a call %s is refused under its id, and does nothing", async (_, headers) => {
    const here = await serveHere();
    const url = `${here.url}?name=s`;
    expectMismatch(await askModern(url, "tools/call", set, { id: "call-1", headers }), "call-1");
    expect(rows(here.folder, "SELECT * FROM session_state")).toEqual([]);
    expect((await askModern(url, "tools/call", set)).status).toBe(200);
    expect(rows(here.folder, "SELECT key FROM session_state")).toEqual([{ key: "k" }]);
  });

  it("the name of a prompt and the URI of a resource are checked like a tool's", async () => {
    const { url } = await serveHere({
      prompts: [definePrompt({ name: "hi", handler: () => ({ messages: [] }) })],
    });
    const asked: [string, Json, string][] = [
      ["prompts/get", { name: "hi" }, "ho"],
      ["resources/read", { uri: "holdfast://sessions" }, "holdfast://session"],
    ];
    for (const [method, params, other] of asked) {
      expect((await askModern(url, method, params)).messages).toMatchObject([{ result: {} }]);
      for (const name of [undefined, other])
        expectMismatch(await askModern(url, method, params, { headers: { "mcp-name": name } }));
    }
  });

  it("a method without a name needs no Mcp-Name, also one that is called like a prototype's part", async () => {
    const { url } = await serveHere();
    expect((await askModern(url, "tools/list")).status).toBe(200);
    for (const method of ["constructor", "__proto__", "toString"]) {
      const answer = await askModern(url, method);
      expect(answer.status).toBe(404);
      expect(answer.messages).toMatchObject([{ id: 1, error: { code: -32601 } }]);
    }
  });

  it("spaces and tabs around a value do not count", async () => {
    const { url } = await serveHere();
    const headers = {
      "mcp-protocol-version": ` \t${MODERN}\t `,
      "mcp-method": " tools/call ",
      "mcp-name": "\tsession_list ",
    };
    expect((await callModern(url, "session_list", {}, { headers })).status).toBe(200);
  });
});

describe("a message that claims the era in a wrong way", () => {
  const refused = async (url: string, body: object, headers: Record<string, string> = {}) => {
    const answer = await read(await post(url, body, headers));
    expect(answer.status).toBe(400);
    return answer.messages[0]!;
  };
  const list = { "mcp-protocol-version": MODERN, "mcp-method": "tools/list" };

  it("in a batch is refused as a whole", async () => {
    const { url, folder } = await serveHere();
    const client = await introduce(url, { version: "2025-03-26" });
    const old = rpc("tools/call", { name: "state_set", arguments: { key: "k", value: 1 } }, 2);
    for (const batch of [[modernRequest("tools/list")], [old, modernRequest("tools/list")]]) {
      for (const headers of [{}, client.headers, list])
        expect(await refused(url, batch, headers)).toMatchObject({ error: { code: -32600 } });
    }
    expect(rows(folder, "SELECT * FROM session_state")).toEqual([]);
  });

  it("of an unknown version is told the versions there are", async () => {
    const { url } = await serveHere();
    const request = modernRequest(
      "tools/list",
      {},
      { id: "v", meta: { [VERSION_KEY]: "2099-01-01" } },
    );
    const headers = { ...list, "mcp-protocol-version": "2099-01-01" };
    expect(await refused(url, request, headers)).toMatchObject({
      id: "v",
      error: { code: -32022, data: { supported: [MODERN], requested: "2099-01-01" } },
    });
  });

  it.each<[string, Json]>([
    ["without clientCapabilities", { [CAPABILITIES_KEY]: undefined }],
    ["with a text as clientCapabilities", { [CAPABILITIES_KEY]: "all" }],
    ["with a clientInfo that has no name", { [CLIENT_KEY]: { version: "1" } }],
    ["with a number as version", { [VERSION_KEY]: 2026 }],
  ])("%s is refused under its id", async (_, meta) => {
    const { url } = await serveHere();
    const request = rpc("tools/list", { _meta: { ...envelope(), ...meta } }, 5);
    expect(await refused(url, request, list)).toMatchObject({ id: 5, error: { code: -32602 } });
  });

  it("in its header only is told that the envelope is missing", async () => {
    const { url } = await serveHere();
    for (const params of [undefined, {}, { _meta: {} }]) {
      expect(await refused(url, rpc("tools/list", params, 6), list)).toMatchObject({
        id: 6,
        error: { code: -32602 },
      });
    }
  });

  it("with initialize, in its header, begins the era that it names in its body", async () => {
    const { url, folder } = await serveHere();
    const params = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "c", version: "1" },
    };
    const headers = { "mcp-protocol-version": MODERN, "mcp-method": "initialize" };
    const answer = await read(await post(url, rpc("initialize", params, 7), headers));
    expect([answer.status, answer.messages[0]]).toMatchObject([
      200,
      { id: 7, result: { protocolVersion: "2025-11-25" } },
    ]);
    expect(rows(folder, "SELECT protocol_version FROM clients")).toEqual([
      { protocol_version: "2025-11-25" },
    ]);
  });

  it("as a notification is taken, and an `initialize` of this era is no method of it", async () => {
    const { url } = await serveHere();
    const { id: _, ...notification } = modernRequest("notifications/cancelled", { requestId: 1 });
    expect((await postModern(url, notification)).status).toBe(202);
    const answer = await askModern(url, "initialize", { protocolVersion: MODERN });
    expect(answer.status).toBe(404);
    expect(answer.messages).toMatchObject([{ error: { code: -32601 } }]);
  });
});

// 2026-07-28 over HTTP: arguments whose schema has `x-mcp-header` are repeated in headers, which must agree with the body
// to the letter, however they are encoded.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { serveHere } from "../support/here.ts";
import { callModern, expectMismatch, headerValue, MODERN, sentinel } from "../support/modern.ts";
import { introduce, type Json } from "../support/raw.ts";
import { runs } from "../support/runs.ts";

const inHeader = <T extends z.ZodType>(type: T, name: string): T =>
  type.meta({ "x-mcp-header": name });

/** A tool whose arguments are repeated in headers, and what it was called with. */
function router() {
  const seen: Json[] = [];
  const tool = defineTool({
    name: "route",
    description: "Routes.",
    session: "optional",
    response: "json",
    input: z.looseObject({
      text: z.any().meta({ type: "string", "x-mcp-header": "Text" }).optional(),
      count: inHeader(z.int(), "Count").optional(),
      urgent: inHeader(z.boolean(), "Urgent").optional(),
      to: z.object({ place: z.object({ name: inHeader(z.string(), "Place") }) }).optional(),
    }),
    handler({ input }) {
      seen.push(input);
      return "routed";
    },
  });
  return { tool, seen };
}

/** A call of it; `param` are the headers `Mcp-Param-…`. */
const route = (url: string, args: object, param: Record<string, string>, id: string | number = 1) =>
  callModern(url, "route", args, {
    id,
    headers: Object.fromEntries(
      Object.entries(param).map(([name, value]) => [`mcp-param-${name}`, value]),
    ),
  });

/** The SDK's client, which knows the tools and so the headers. */
async function pinned(url: string): Promise<Client> {
  const client = new Client(
    { name: "pinned", version: "1" },
    { versionNegotiation: { mode: { pin: MODERN } } },
  );
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  onTestFinished(() => client.close());
  await client.listTools();
  return client;
}

describe("the sentinel =?base64?…?=", () => {
  const text = "añb"; // its base64 has padding: YcOxYg==

  it("carries UTF-8, in the canonical form only", async () => {
    const { tool, seen } = router();
    const { url } = await serveHere({ tools: [tool] });
    expect((await route(url, { text }, { text: sentinel(text) })).says).toBe("routed");
    expect((await route(url, { text: "plain" }, { text: sentinel("plain") })).says).toBe("routed");
    const wrong = [
      "=?base64?YcOxYg?=", // no padding
      "=?base64?YcOxYh==?=", // bits behind the end
      "=?base64?YcOx Yg==?=",
      "=?base64?YcOxYg==", // not closed
      "=?BASE64?YcOxYg==?=",
      "=?base64url?YcOxYg==?=",
      sentinel(Buffer.from("a\xf1b", "latin1")), // no UTF-8
      sentinel("an\u0303b"), // the same to the eye
    ];
    for (const value of wrong) expectMismatch(await route(url, { text }, { text: value }, 9), 9);
    expect(seen).toHaveLength(2);
  });

  it("as an argument of its own is sent encoded, and is not decoded twice", async () => {
    const { tool, seen } = router();
    const { url } = await serveHere({ tools: [tool] });
    const text = sentinel("x");
    expectMismatch(await route(url, { text }, { text }));
    expect((await route(url, { text }, { text: sentinel(text) })).says).toBe("routed");
    expect(seen).toEqual([{ text }]);
  });
});

describe("the headers of arguments", () => {
  const args = { text: "a b", count: 42, urgent: false, to: { place: { name: "Ostend" } } };
  const same = { text: "a b", count: "42", urgent: "false", place: "Ostend" };

  it("repeat texts, numbers, booleans and what is nested", async () => {
    const { tool, seen } = router();
    const { url } = await serveHere({ tools: [tool] });
    for (const param of [same, { ...same, count: "42.0" }, { ...same, text: "  a b\t" }])
      expect((await route(url, args, param)).says).toBe("routed");
    expect(seen).toEqual([args, args, args]);
    const wrong: Record<string, string>[] = [
      ...Object.keys(same).map((name) =>
        Object.fromEntries(Object.entries(same).filter(([other]) => other !== name)),
      ),
      ...["43", "0x2a", "42n", "", "42 1"].map((count) => ({ ...same, count })),
      ...["False", "0", ""].map((urgent) => ({ ...same, urgent })),
      ...["A b", "a  b", ""].map((text) => ({ ...same, text })),
      { ...same, place: "ostend" },
    ];
    for (const param of wrong) expectMismatch(await route(url, args, param, "r"), "r");
    expect(seen).toHaveLength(3);
  });

  it("are asked for only when the argument is there", async () => {
    const { tool, seen } = router();
    const { url } = await serveHere({ tools: [tool] });
    expect((await route(url, {}, {})).says).toBe("routed");
    expect((await route(url, { text: null }, {})).says).toBe("routed");
    expect((await route(url, { to: null }, {})).says).toBe("routed"); // null is: not given
    expect(seen).toEqual([{}, { text: null }, {}]);
  });

  it("are not asked for with integers that no number holds exactly: clients send none for those", async () => {
    const seen: unknown[] = [];
    const big = defineTool({
      name: "big",
      description: "Takes any number.",
      session: "optional",
      input: z.looseObject({}),
      inputSchema: {
        type: "object",
        properties: { count: { type: "integer", "x-mcp-header": "Count" } },
      },
      handler: ({ input }) => (seen.push(input["count"]), "taken"),
    });
    const { url } = await serveHere({ tools: [big] });
    const wide = [2 ** 53, -(2 ** 53), 2 ** 60, -1e300];
    for (const count of wide) expect((await callModern(url, "big", { count })).says).toBe("taken");
    for (const count of [2 ** 53 - 1, 1 - 2 ** 53])
      expectMismatch(await callModern(url, "big", { count }));
    expect(seen).toEqual(wide);
    const client = await pinned(url);
    const result = await client.callTool({ name: "big", arguments: { count: 2 ** 60 } });
    expect(result.isError ?? false).toBe(false);
  });

  it("a 2025-era client needs none", async () => {
    const { tool } = router();
    const client = await introduce((await serveHere({ tools: [tool] })).url);
    expect((await client.call("route", args)).says).toBe("routed");
  });

  it("arguments called like a prototype's parts are harmless", async () => {
    const { tool, seen } = router();
    const named = defineTool({
      name: "named",
      description: "Has headers for arguments with such names.",
      session: "optional",
      inputSchema: {
        type: "object",
        properties: {
          constructor: { type: "string", "x-mcp-header": "Constructor" },
          ["__proto__"]: { type: "string", "x-mcp-header": "Proto" },
          toString: {
            type: "object",
            properties: { name: { type: "string", "x-mcp-header": "N" } },
          },
        },
      },
      handler: () => "named",
    });
    const { url } = await serveHere({ tools: [tool, named] });
    const evil = JSON.parse('{"__proto__":{"text":"x"},"constructor":{"name":"y"}}') as Json;
    expect((await route(url, evil, {})).status).toBe(200);
    expect(({} as Json)["text"]).toBeUndefined();
    expect(seen.every((input) => input["text"] === undefined)).toBe(true);
    // Nothing is inherited: no header is asked for an argument that was not sent.
    expect((await callModern(url, "named")).says).toBe("named");
    const headers = { "mcp-param-proto": "p", "mcp-param-constructor": "c", "mcp-param-n": "n" };
    const all = JSON.parse('{"__proto__":"p","constructor":"c","toString":{"name":"n"}}') as Json;
    expect((await callModern(url, "named", all, { headers })).says).toBe("named");
    expectMismatch(await callModern(url, "named", all));
    for (const name of ["__proto__", "constructor"])
      expect((await callModern(url, name)).messages).toMatchObject([{ error: { code: -32602 } }]);
  });
});

describe("what the SDK's client sends", () => {
  it("is accepted for any argument, and any other header is refused", async () => {
    const { tool, seen } = router();
    const { url } = await serveHere({ tools: [tool] });
    const client = await pinned(url);
    const text = fc.oneof(
      fc.string({ unit: "binary" }).map((value) => value.replaceAll("\0", "\ufffd")), // see below
      fc.string({ unit: "grapheme" }),
      fc.string(),
      fc.string().map((value) => `\ufeff${value}`), // a byte order mark is text like any other
    );
    const anyArgs = fc.record(
      { text, count: fc.maxSafeInteger(), urgent: fc.boolean(), place: text },
      { requiredKeys: ["text"] },
    );
    await fc.assert(
      fc.asyncProperty(anyArgs, text, async ({ place, ...rest }, other) => {
        const args = { ...rest, ...(place !== undefined && { to: { place: { name: place } } }) };
        const result = await client.callTool({ name: "route", arguments: args });
        expect(result.isError ?? false).toBe(false);
        expect(seen.at(-1)).toEqual(args);
        const before = seen.length;
        fc.pre(other !== rest.text);
        expectMismatch(
          await route(url, { text: rest.text }, { text: headerValue(other) }, "q"),
          "q",
        );
        expect(seen).toHaveLength(before);
      }),
      { numRuns: runs(150) },
    );
  });

  it("with NUL in it is refused with its place, and does not reach the tool", async () => {
    const { tool, seen } = router();
    const { url } = await serveHere({ tools: [tool] });
    const client = await pinned(url);
    const args = { text: "a", to: { place: { name: "b\0" } } };
    expect(await client.callTool({ name: "route", arguments: args })).toMatchObject({
      isError: true,
      content: [{ text: "to.place.name contains a NUL character." }],
    });
    expect(seen).toEqual([]);
  });
});

// What handlers return and throw: each kind arrives as what it is, and a tool's mistake is told as the tool's, with the field.
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import {
  audio,
  createHoldfast,
  defineTool,
  image,
  type Running,
  type ToolResult,
} from "../../src/index.ts";
import { callModern, type ModernOptions } from "../support/modern.ts";
import type { Json } from "../support/raw.ts";

/** A tool that returns what a test puts here. */
let returned: () => unknown = () => "";
const spec = { description: "For a test.", session: "optional", response: "json" } as const;
const returning = defineTool({
  ...spec,
  name: "returning",
  handler: () => returned() as ToolResult,
});
const promising = defineTool({
  ...spec,
  name: "promising",
  output: z.object({ n: z.int(), unit: z.string().default("m") }),
  handler: () => returned() as { n: number },
});

const hunter2 = () => {
  throw new Error("hunter2");
};
const throwing = [
  defineTool({
    ...spec,
    name: "throwing_in",
    input: z.object({ a: z.string().transform(hunter2) }),
    handler: () => "never",
  }),
  defineTool({
    ...spec,
    name: "throwing_out",
    input: z.object({ a: z.string() }),
    output: z.object({ a: z.string().refine(hunter2) }),
    handler: ({ input }) => input,
  }),
];

let running: Running;
beforeAll(async () => {
  const config = { ephemeral: true, "log-level": "silent" };
  const holdfast = createHoldfast({ tools: [returning, promising, ...throwing], config, env: {} });
  running = await holdfast.run("http", { port: 0 });
});
afterAll(() => running.stop());

async function answer(value: () => unknown, tool = "returning", options: ModernOptions = {}) {
  returned = value;
  const { messages } = await callModern(running.url!, tool, {}, options);
  return messages.at(-1)!["result"] as Json;
}

describe("what a handler returns", () => {
  const cyclic: Json = {};
  cyclic["self"] = { cyclic };
  const PNG = Buffer.from("picture").toString("base64");
  const block = { type: "image", data: PNG, mimeType: "image/png" };
  const text = (words: string) => ({ type: "text", text: words });

  it("arrives as what it is: text, numbers, nothing, lists, blocks, objects, whole results", async () => {
    const KINDS: [unknown, Json[], Json?][] = [
      ["plain", [text("plain")]],
      [42, [text("42")]],
      [false, [text("false")]],
      [undefined, []],
      [null, []],
      [[1, "two", null], [text('[1,"two",null]')]],
      [[], [text("[]")]],
      [image(Buffer.from("picture"), "image/png"), [block]],
      [image(PNG, "image/png"), [block]],
      [
        audio(new Uint8Array([1]), "audio/wav"),
        [{ type: "audio", data: "AQ==", mimeType: "audio/wav" }],
      ],
      [
        ["Look:", image(PNG, "image/png")],
        [text("Look:"), block],
      ],
      [{ content: [] }, []],
      [{ content: [], isError: true }, []],
      [{ content: [], _meta: { a: 1 } }, []],
      [{ n: 1 }, [text('{"session":null,"n":1}')], { session: null, n: 1 }],
      [{ structuredContent: { n: 1 } }, [text('{"session":null,"n":1}')], { session: null, n: 1 }],
      [Object.create(null), [text('{"session":null}')], { session: null }],
    ];
    for (const [value, content, structuredContent] of KINDS) {
      const result = await answer(() => value);
      expect(result, JSON.stringify(value)).toMatchObject({ content });
      expect(result["content"]).toHaveLength(content.length);
      expect(result["structuredContent"]).toEqual(structuredContent);
    }
    expect(await answer(() => ({ content: [], isError: true }))).toMatchObject({ isError: true });
    expect((await answer(() => ({ content: [], _meta: { a: 1 } })))["_meta"]).toMatchObject({
      a: 1,
    });
  });

  it("and cannot be sent is told as the tool's mistake, with the field", async () => {
    class Money {
      readonly cents = 1;
    }
    const MISTAKES: [() => unknown, RegExp][] = [
      [() => new Date(0), /result: expected JSON, received a Date/],
      [() => ({ at: [new Date(0)] }), /result\.at\.0: .*received a Date/],
      [() => new Map([["a", 1]]), /result: .*received a Map/],
      [() => ({ tags: new Set() }), /result\.tags: .*received a Set/],
      [() => ({ price: new Money() }), /result\.price: .*received a Money/],
      [() => cyclic, /result\.self\.cyclic: .*contains itself/],
      [() => ({ n: 1n }), /result\.n: .*received a bigint/],
      [() => NaN, /result: .*received NaN/],
      [() => [1, undefined], /result\.1: .*received nothing/],
      [() => () => 1, /result: .*received a function/],
      [() => ({ act() {} }), /result\.act: .*received a function/],
      [
        () => ({
          get a() {
            throw new Error("no");
          },
        }),
        /result\.a: .*a getter that threw/,
      ],
      [async () => (async function* () {})(), /result: .*received an AsyncGenerator/],
      [() => new Error("returned"), /result: .*received an Error/],
      [
        () => ({ content: [{ type: "text", text: 5 }] }),
        /result\.content\.0: expected a content bl/,
      ],
      [() => ({ content: [], isError: "yes" }), /result\.isError/],
      [() => ({ content: [], structuredContent: [1] }), /structuredContent: .*received a list/],
      [() => ["a", image(PNG, "image/png"), 5], /result\.2: expected text or a content block/],
      [() => image("no base64!", "image/png"), /The tool returning failed/],
    ];
    for (const [value, reason] of MISTAKES) {
      const result = await answer(value);
      expect(result, reason.source).toMatchObject({
        isError: true,
        _meta: { "holdfast/error": "internal" },
      });
      expect(result["content"][0].text).toMatch(reason);
      expect(result["content"][0].text).toMatch(/The tool returning/);
    }
  });

  it("is held to `output`: made complete, or told as the tool's mistake", async () => {
    const good = await answer(() => ({ n: 1, more: true }), "promising");
    expect(good["structuredContent"]).toEqual({ session: null, n: 1, unit: "m" });
    const dataOnly = await answer(() => ({ structuredContent: { n: 2 } }), "promising");
    expect(dataOnly["structuredContent"]).toEqual({ session: null, n: 2, unit: "m" });
    const refusal = { isError: true, content: [{ type: "text", text: "Not today." }] };
    expect(await answer(() => refusal, "promising")).toMatchObject(refusal);
    const MISTAKES: [unknown, RegExp][] = [
      [{ n: "two" }, /result\.n: .*expected number/],
      ["just text", /result: expected what `output` says, received text/],
      [undefined, /result: expected what `output` says, received nothing/],
      [{ content: [] }, /structuredContent: it is not given/],
      [{ content: [], structuredContent: { n: 1.5 } }, /structuredContent\.n: .*expected int/],
    ];
    for (const [value, reason] of MISTAKES) {
      const result = await answer(() => value, "promising");
      expect(result, reason.source).toMatchObject({ isError: true });
      expect(result["content"][0].text).toMatch(reason);
    }
  });

  it("is done once with a key, also where `output` makes something of it", async () => {
    const meta = { "holdfast/request-key": "once" };
    const first = await answer(() => ({ n: 1 }), "promising", { meta });
    expect(await answer(() => ({ n: 2 }), "promising", { meta })).toEqual(first);
  });
});

describe("what a handler throws", () => {
  const thrown = async (value: unknown) => {
    const result = await answer(() => {
      throw value;
    });
    expect(result).toMatchObject({ isError: true });
    return {
      text: result["content"][0].text as string,
      code: result["_meta"]["holdfast/error"] as string,
    };
  };

  it("keeps its reason private, whatever it is, and is never said to be inside Holdfast", async () => {
    const odd = [
      ...[
        null,
        undefined,
        "hunter2",
        7,
        Symbol("hunter2"),
        new Error("hunter2"),
        Object.create(null),
      ],
      Object.defineProperty(new Error(), "message", {
        get: () => {
          throw new Error("hunter2");
        },
      }),
    ];
    for (const value of odd) {
      const { text, code } = await thrown(value);
      expect(text).toMatch(
        /^The tool returning failed\. The server's log has the reason, under request/,
      );
      expect(code).toBe("internal");
    }
  });

  it("keeps its reason private too where a schema throws it", async () => {
    for (const tool of ["throwing_in", "throwing_out"]) {
      const { messages } = await callModern(running.url!, tool, { a: "x" });
      const { result } = messages.at(-1)!;
      expect(result).toMatchObject({ isError: true, _meta: { "holdfast/error": "internal" } });
      expect(result["content"][0].text).toMatch(/^((?!hunter2).)*throwing_(?!.*hunter2)/);
    }
  });

  it("is understood as an AppError of another copy of the package", async () => {
    const foreign = Object.assign(new Error("Full."), {
      name: "AppError",
      code: "limit",
      hint: "Wait.",
    });
    expect(await thrown(foreign)).toEqual({ text: "Full. Wait.", code: "limit" });
  });
});

it("the type of what a handler returns follows from `output`", () => {
  const output = z.object({ n: z.int() });
  const named = { name: "typed", description: "For a test." };
  defineTool({ ...named, output, handler: () => ({ n: 1 }) });
  defineTool({ ...named, output, handler: async () => ({ content: [], isError: true }) });
  defineTool({ ...named, handler: () => undefined });
  // @ts-expect-error -- a text is no `output`
  defineTool({ ...named, output, handler: () => "text" });
  // @ts-expect-error -- neither is another shape
  defineTool({ ...named, output, handler: () => ({ n: "one" }) });
  // @ts-expect-error -- JSON has no dates
  defineTool({ ...named, handler: () => new Date() });
  defineTool({
    ...named,
    input: { type: "object", properties: { a: { type: "string" } } },
    handler: ({ input }) => {
      expectTypeOf(input).toEqualTypeOf<Record<string, unknown>>();
    },
  });
});

// What is stored is what was sent: a value is kept as it came or refused with its place, before anything is stored.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { temporaryFolder } from "../support/folder.ts";
import { type Here, serveHere } from "../support/here.ts";
import { callModern, modernHeaders, modernRequest } from "../support/modern.ts";
import { rawStdio } from "../support/raw-stdio.ts";
import {
  calling,
  codeOf,
  introduce,
  type Json,
  post,
  type RawClient,
  read,
} from "../support/raw.ts";
import { rows } from "../support/rows.ts";
import { runs } from "../support/runs.ts";
import {
  appOn,
  endLine,
  exported,
  jsonl,
  messageLine,
  sessionLine,
  stateLine,
} from "../support/transfer.ts";

const LONE = "\ud83d";

/** A call whose arguments are JSON text, for what `JSON.stringify` does not write. */
const callText = async (client: RawClient, name: string, args: string) =>
  calling(
    await read(
      await client.post(
        `{"jsonrpc":"2.0","id":${client.nextId()},"method":"tools/call","params":{"name":"${name}","arguments":${args}}}`,
      ),
    ),
  );

const storedValue = (folder: string): unknown =>
  rows(folder, "SELECT value FROM session_state")[0]?.["value"];

const expectNothingStored = ({ folder }: Here): void => {
  for (const table of ["sessions", "messages", "session_state", "audit"])
    expect([table, rows(folder, `SELECT * FROM ${table}`)]).toEqual([table, []]);
};

describe("a number that would change", () => {
  const numbers: [string, RegExp][] = [
    ["1e400", /too large/],
    ["-1e999", /too large/],
    ["1e-400", /too small/],
    ["9007199254740993", /more digits/],
    ["-9007199254740993", /more digits/],
    ["72057594037927936", /more digits/],
    ["725653563933458432", /more digits/],
    ["9007199254740993.0", /more digits/],
    ["9.007199254740993e15", /more digits/],
    ["3.14159265358979323846", /more digits/],
    ["1.0000000000000001", /more digits/],
    ["0.10000000000000001", /more digits/],
    [`1${"0".repeat(400)}`, /too large/],
  ];

  it("is refused with its place, in either era and over stdio", async () => {
    const here = await serveHere();
    const client = await introduce(here.url);
    const pipe = await rawStdio(["--data-dir", temporaryFolder()]);
    for (const [number, why] of numbers) {
      const args = `{"key":"k","value":{"items":[1,{"id":${number}}]}}`;
      const refused = await callText(client, "state_set", args);
      expect([number, codeOf(refused)]).toEqual([number, "invalid"]);
      expect(refused.says).toMatch(why);
      const shown = number.length > 40 ? `${number.slice(0, 40)}…` : number;
      expect(refused.says).toContain(`value.items[1].id is ${shown}, which`);
      const message = modernRequest("tools/call", { name: "state_set", arguments: 0 });
      const modern = JSON.stringify(message).replace('"arguments":0', `"arguments":${args}`);
      const answer = await post(`${here.url}?name=s`, modern, modernHeaders(message));
      expect(calling(await read(answer)).says).toBe(refused.says);
      const call = `"method":"tools/call","params":{"name":"state_set","arguments":${args}}`;
      pipe.write(`{"jsonrpc":"2.0","id":"${number}",${call}}\n`);
    }
    const refusals = () => pipe.lines.filter((line) => line.includes('"isError":true'));
    await expect.poll(refusals).toHaveLength(numbers.length); // a ping may overtake a call
    expectNothingStored(here);
  });

  it("is refused in the arguments of every tool, and of no concern elsewhere", async () => {
    const echo = defineTool({
      name: "echo",
      description: "Says what it is given.",
      input: z.object({ given: z.unknown() }),
      handler: ({ input }) => JSON.stringify(input.given ?? null),
    });
    const client = await introduce((await serveHere({ tools: [echo] })).url);
    const refused = await callText(client, "echo", `{"given":[0.5,12345678901234567890]}`);
    expect(refused.says).toMatch(/^given\[1\] is 12345678901234567890, which has more digits/);
    expect(calling(await client.ask("tools/call", { name: "session_info" })).isError).toBe(false);
    const answer = await read(
      await client.post(
        `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"_meta":{"x/nanoseconds":1764115312000000001},"name":"echo","arguments":{"given":"1e400, 9007199254740993"}}}`,
      ),
    );
    expect(calling(answer).says).toBe('"1e400, 9007199254740993"');
  });
});

it("a value is kept as it was sent", async () => {
  const { url, folder } = await serveHere();
  const client = await introduce(url);
  const kept = [
    ...["0.1", "0.30000000000000004", "9007199254740992", "-9007199254740991", "5e-324"],
    ...['{"__proto__":{"a":1},"constructor":null}', '{"":[[],{}]}', '"\u2028\ufeff\ufffd🦭"'],
    ...["true", "null", '"9007199254740993"', `${"[".repeat(150)}${"]".repeat(150)}`],
  ];
  for (const json of kept) {
    await callText(client, "state_set", `{"key":"k","value":${json}}`);
    expect(storedValue(folder)).toBe(json);
    const got = await client.call("state_get", { key: "k" });
    expect(got.says).toBe(json);
    expect(JSON.stringify(got.data["value"])).toBe(json);
  }
  for (const [spelling, value] of Object.entries({
    "-0": 0,
    "1.0": 1,
    "1e3": 1000,
  })) {
    await callText(client, "state_set", `{"key":"k","value":${spelling}}`);
    expect((await client.call("state_get", { key: "k" })).data["value"]).toBe(value);
  }
});

describe.each([
  ["half a character", LONE, /lone surrogate/],
  ["a NUL", "\0", /NUL/],
])("text with %s", (_, odd, says) => {
  const bad = `a${odd}b`;
  const calls: [string, Json, string][] = [
    ["state_set", { key: bad, value: 1 }, "key"],
    ["state_set", { key: "k", value: { items: [1, { title: bad }] } }, "value.items[1].title"],
    ["state_set", { key: "k", value: { [bad]: 1 } }, `value[${JSON.stringify(bad)}]`],
    ["state_get", { key: bad }, "key"],
    ["state_delete", { key: bad }, "key"],
    ["state_list", { prefix: bad }, "prefix"],
    ["history_append", { role: "user", content: bad }, "content"],
    ["history_append", { role: "user", content: "a", request_key: bad }, "request_key"],
    ["history_search", { query: `walrus ${bad}` }, "query"],
    ["session_open", { name: bad }, "name"],
    ["session_open", { title: bad }, "title"],
    ["session_open", { system: bad }, "system"],
    ["session_update", { title: bad }, "title"],
    ["session_list", { query: bad }, "query"],
    ["session_share", { principal: bad }, "principal"],
    ["session_info", { session: bad }, "session"],
    ["chat", { prompt: bad }, "prompt"],
    ["chat", { prompt: "a", system: bad }, "system"],
  ];

  it("is refused by every tool, with its place, and nothing is stored", async () => {
    const here = await serveHere();
    const client = await introduce(here.url);
    for (const [tool, args, place] of calls) {
      for (const answer of [
        await client.call(tool, args),
        await callModern(here.url, tool, args),
      ]) {
        expect([tool, args, codeOf(answer)]).toEqual([tool, args, "invalid"]);
        expect(answer.says).toMatch(says);
        expect(answer.says.startsWith(`${place} `)).toBe(true);
      }
    }
    expectNothingStored(here);
  });

  it("is refused in whatever else a request says, with its place", async () => {
    const here = await serveHere();
    const client = await introduce(here.url);
    const requests: [string, Json, string][] = [
      [
        "prompts/get",
        { name: "continue_conversation", arguments: { session: bad } },
        "params.arguments.session",
      ],
      ["resources/read", { uri: `holdfast://sessions/${bad}` }, "params.uri"],
      ["resources/subscribe", { uri: `holdfast://${bad}` }, "params.uri"],
      [
        "completion/complete",
        {
          ref: { type: "ref/prompt", name: "continue_conversation" },
          argument: { name: "session", value: bad },
        },
        "params.argument.value",
      ],
      [
        "tools/call",
        { name: "session_info", _meta: { "holdfast/request-key": bad } },
        'params._meta["holdfast/request-key"]',
      ],
    ];
    for (const [method, params, place] of requests) {
      const { status, messages } = await client.ask(method, params);
      expect([status, messages[0]!["error"].code]).toEqual([200, -32602]);
      expect(messages[0]!["error"].message).toMatch(says);
      expect(messages[0]!["error"].message.startsWith(`${place} `)).toBe(true);
    }
    for (const info of [
      { name: bad, version: "1" },
      { name: "a", version: bad },
    ]) {
      const introduction = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: info };
      const request = { jsonrpc: "2.0", id: 1, method: "initialize", params: introduction };
      const refused = await read(await post(here.url, request));
      expect(refused.status).toBe(400);
      expect(refused.messages[0]!["error"].message).toMatch(/^params\.clientInfo\.(name|version) /);
    }
    expect(rows(here.folder, "SELECT name FROM clients")).toEqual([{ name: "raw-client" }]);
  });
});

it("an address that stands for such text is refused, or nobody's", async () => {
  const here = await serveHere();
  const client = await introduce(here.url);
  await client.call("state_set", { key: "k", value: 1 });
  for (const key of ["a%00b", "%ED%A0%BD", "%ud83d"]) {
    const uri = `holdfast://sessions/${await client.session()}/state/${key}`;
    const { messages } = await client.ask("resources/read", { uri });
    expect([-32602, -32002]).toContain(messages[0]!["error"].code);
  }
  for (const name of ["a%00b", "%00"])
    expect((await callModern(`${here.url}?name=${name}`, "session_info")).status).toBe(400);
});

describe("what a tool stores in its session", () => {
  class Point {
    x = 1;
  }
  const circle: Json = {};
  circle["self"] = circle;
  const refused: [string, unknown, RegExp][] = [
    ["a BigInt", { id: 1n }, /^value\.id is a BigInt/],
    ["NaN", [NaN], /^value\[0\] is NaN/],
    ["infinity", { a: { b: -Infinity } }, /^value\.a\.b is -Infinity/],
    ["nothing", undefined, /^value is undefined/],
    ["a gap", [1, undefined], /^value\[1\] is undefined/],
    ["a function", { run: () => 1 }, /^value\.run is a function/],
    ["a symbol", { mark: Symbol("a") }, /^value\.mark is a symbol/],
    ["a Date", { at: new Date(0) }, /^value\.at is a Date.*toISOString/],
    ["a Map", new Map([[1, 2]]), /^value is a Map/],
    ["an object of a class", { at: new Point() }, /^value\.at is a Point/],
    ["a circle", circle, /nested more than 1000 deep, or holds itself/],
    ["half a character", { "a b": [LONE] }, /^value\["a b"\]\[0\] is not valid Unicode/],
  ];

  it("is refused with its place when JSON would change it, and nothing is stored", async () => {
    const keep = defineTool({
      name: "keep",
      description: "Keeps one of them.",
      input: z.object({ which: z.int() }),
      async handler({ input, session }) {
        await session.state.set("k", refused[input.which]![1]);
        return "Kept.";
      },
    });
    const here = await serveHere({ tools: [keep] });
    const client = await introduce(here.url);
    for (const [which, [what, , says]] of refused.entries()) {
      const answer = await client.call("keep", { which });
      expect([what, codeOf(answer)]).toEqual([what, "invalid"]);
      expect(answer.says).toMatch(says);
    }
    expectNothingStored(here);
  });
});

describe("a file that is imported", () => {
  const open = async (file: string, format: "auto" | "chatgpt" = "auto") => {
    const app = await appOn();
    const path = join(temporaryFolder(), "input");
    writeFileSync(path, file);
    await using source = await app.transfer.open([path], { format, owner: "local" });
    const { sessions, replaced } = source;
    const options = { ownerOf: () => "local", dryRun: false };
    await Array.fromAsync(app.transfer.import(sessions, options));
    return { text: await exported(app), replaced };
  };

  it("comes in with what cannot be stored replaced, which is counted", async () => {
    const value = { "a\0": [`${LONE}${LONE}`, "\\ud83d", "🦭"] };
    const file = jsonl(
      sessionLine({ title: `t${LONE}` }),
      stateLine("k\0", { value }),
      messageLine(1, { content: "a\0b" }),
      endLine(1, 1),
    );
    const { text, replaced } = await open(file);
    expect(replaced).toBe(6);
    expect(text).toContain('"title":"t\ufffd"');
    expect(text).toContain('"key":"k\ufffd","value":{"a\ufffd":["\ufffd\ufffd","\\\\ud83d","🦭"]}');
    expect(text).toContain('"content":"a\ufffdb"');
    expect(await open(text)).toMatchObject({ replaced: 0 });
  });

  it("is refused for a number that would change, with its place", async () => {
    const file = jsonl(sessionLine(), stateLine("k", { value: [0, "#"] }), endLine(1, 0));
    await expect(open(file.replace('"#"', "9007199254740993"))).rejects.toThrow(
      /line 2: value\[1\] is 9007199254740993, which has more digits/,
    );
  });
});

it("any JSON text is kept as it is, or refused", async () => {
  const { url, folder } = await serveHere();
  const client = await introduce(url);
  const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,20})(\.\d{1,20})?([eE][-+]?\d{1,3})?$/);
  const text = fc.string({ unit: "binary", maxLength: 8 }).map((value) => JSON.stringify(value));
  const lone = fc.constantFrom('"\\ud83d"', '"\\u0000"', '"\\\\ud83d"', '"\\ud83e\\uddad"');
  const { json } = fc.letrec<{ json: string }>((tie) => ({
    json: fc.oneof(
      { depthSize: "small" },
      digits,
      text,
      lone,
      fc.constantFrom("null", "true"),
      fc.array(tie("json"), { maxLength: 3 }).map((items) => `[${items.join(", ")}]`),
      fc
        .uniqueArray(fc.tuple(text, tie("json")), { maxLength: 3, selector: ([key]) => key })
        .map((members) => `{${members.map(([key, value]) => `${key}: ${value}`).join(",")}}`),
    ),
  }));
  await fc.assert(
    fc.asyncProperty(json, async (value) => {
      const set = await callText(client, "state_set", `{"key":"k","value":${value}}`);
      if (set.isError) expect(codeOf(set)).toBe("invalid");
      if (set.isError) return;
      const stored = String(storedValue(folder));
      expect(numbersOf(stored)).toEqual(numbersOf(value));
      expect(JSON.stringify(JSON.parse(stored))).toBe(JSON.stringify(JSON.parse(value)));
      expect((await client.call("state_get", { key: "k" })).says).toBe(stored);
    }),
    { numRuns: runs(150) },
  );
});

/** The numbers of a JSON text outside of strings, each as its exact decimal value. */
function numbersOf(json: string): string[] {
  const withoutTexts = json.replace(/"(?:[^"\\]|\\.)*"/gs, "");
  return [...withoutTexts.matchAll(/-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g)].map(([number]) => {
    const [mantissa = "", power = "0"] = number.toLowerCase().split("e");
    const [whole = "", fraction = ""] = mantissa.replace("-", "").split(".");
    const zeros = Number(power) - fraction.length + 400;
    const digits =
      zeros < 0 ? `${whole}${fraction}` : BigInt(`${whole}${fraction}`) * 10n ** BigInt(zeros);
    return `${mantissa.startsWith("-") && BigInt(`${whole}${fraction}`) !== 0n ? "-" : ""}${digits}`;
  });
}

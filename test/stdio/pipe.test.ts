// What comes over a pipe: lines, batches, and what is no message.
import { PassThrough, Writable } from "node:stream";
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { describe, expect, it } from "vitest";
import { PipeTransport } from "../../src/mcp/stdio/pipe-transport.ts";
import { folderOf, temporaryFolder } from "../support/folder.ts";
import { rawStdio } from "../support/raw-stdio.ts";
import { initialize, type Json, rpc } from "../support/raw.ts";

/** A pipe, what it has handed on, and what it has written. */
async function pipe({ version = "2025-03-26", maxBytes = 1_000 } = {}) {
  const input = new PassThrough();
  let written = "";
  const output = new Writable({
    write(chunk, _, done) {
      written += String(chunk);
      done();
    },
  });
  const received: JSONRPCMessage[] = [];
  const limits = { maxBytes, maxDepth: 50 };
  const transport = new PipeTransport({
    input,
    output,
    ...limits,
    beforeEnd: async () => undefined,
  });
  transport.onmessage = (message) => received.push(message);
  await transport.start();
  const text = (): string => {
    const all = written;
    written = "";
    return all;
  };
  const lines = (): (Json | Json[])[] =>
    text()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Json);
  const send = (text: string | object): void =>
    void input.write(typeof text === "string" ? text : `${JSON.stringify(text)}\n`);
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const answer = (id: string | number, result: Json = {}): Promise<void> =>
    transport.send({ jsonrpc: "2.0", id, result });
  if (version !== "") {
    send(initialize({ protocolVersion: version }));
    await turn();
    await answer(1, { protocolVersion: version });
    received.splice(0);
    lines();
  }
  return { send, input, received, text, lines, answer, turn };
}

const batch = (...ids: (string | number)[]): Json[] => ids.map((id) => rpc("ping", undefined, id));

describe("a line", () => {
  it("may begin with a byte order mark, end in CRLF, be blank, and come in pieces", async () => {
    const { send, input, received, lines, turn } = await pipe();
    send(`\ufeff${JSON.stringify(rpc("ping", undefined, "ü"))}\r\n\r\n \n\ufeff\n`);
    const bytes = Buffer.from(`${JSON.stringify(rpc("ping", undefined, "é"))}\n`);
    for (const byte of bytes) input.write(Buffer.of(byte));
    input.end(JSON.stringify(rpc("ping", undefined, "last"))); // without an end of its own
    await turn();
    await turn();
    expect(received.map((message) => (message as Json)["id"])).toEqual(["ü", "é", "last"]);
    expect(lines()).toEqual([]);
  });

  it("that is no message is answered as over HTTP, and the next one is taken", async () => {
    const { send, received, lines, turn } = await pipe();
    send("this is no JSON\n");
    send({ jsonrpc: "1.0", id: 5, method: "ping" });
    send({ jsonrpc: "2.0", id: "six", method: "ping", params: 7 });
    send("7\n");
    send(`${"[".repeat(60)}${"]".repeat(60)}\n`);
    send(rpc("ping", { long: "x".repeat(2_000) }));
    send(rpc("ping", undefined, 8));
    await turn();
    const error = (code: number, id: unknown, message: string) => ({
      ...{ jsonrpc: "2.0", id, error: { code, message: expect.stringContaining(message) } },
    });
    expect(lines()).toEqual([
      error(-32700, null, "not valid JSON"),
      error(-32600, 5, "jsonrpc: "),
      error(-32600, "six", "params: expected object, received number"),
      error(-32600, null, "object"),
      error(-32700, null, "max-depth"),
      error(-32000, 1, "1000 bytes (the setting max-body)"),
    ]);
    expect(received).toEqual([rpc("ping", undefined, 8)]);
  });

  it("that is too long is answered under its request's id, wherever programs write that", async () => {
    const { send, lines, turn } = await pipe();
    const long = { long: 'x","id":6,'.repeat(200), id: 5 };
    send(rpc("ping", long, 7));
    send({ method: "ping", params: long, jsonrpc: "2.0", id: "eight" });
    send({ method: "ping", jsonrpc: "2.0", id: 9, params: long });
    send({ jsonrpc: "2.0", id: 10, result: long }); // an answer: its id is not the client's
    send({ jsonrpc: "2.0", method: "notifications/x", params: long });
    await turn();
    const ids = lines().map((line) => (line as Json)["id"] as unknown);
    expect(ids).toEqual([7, "eight", 9, null, null]);
  });

  it("goes out without characters that readers take for its end", async () => {
    const { answer, lines, turn } = await pipe();
    await answer(2, { text: "a\u2028b\u2029c\u0085d" });
    await turn();
    expect(lines()).toMatchObject([{ result: { text: "a\u2028b\u2029c\u0085d" } }]);
    const raw = await pipe();
    await raw.answer(2, { text: "a\u2028b\u2029c\u0085d" });
    expect(raw.text()).toContain("a\\u2028b\\u2029c\\u0085d");
  });
});

describe("a batch", () => {
  it("of a revision that has them is answered as one line, when all answers are there", async () => {
    const { send, received, lines, answer, turn } = await pipe();
    send([...batch(2, 3, 4), { jsonrpc: "2.0", method: "notifications/initialized" }]);
    await turn();
    expect(received).toHaveLength(4);
    await answer(3);
    await answer(2);
    expect(lines()).toEqual([]);
    const params = { requestId: 4 };
    send({ jsonrpc: "2.0", method: "notifications/cancelled", params });
    await turn();
    expect(lines()).toMatchObject([[{ id: 3 }, { id: 2 }]]);
    send([{ jsonrpc: "2.0", method: "notifications/initialized" }]); // asks nothing
    await turn();
    expect(lines()).toEqual([]);
  });

  it("has its odd entries refused one by one", async () => {
    const { send, received, lines, answer, turn } = await pipe();
    send([7, { jsonrpc: "1.0", id: 8, method: "ping" }, ...batch(2)]);
    await turn();
    expect(received).toEqual(batch(2));
    expect(lines()).toEqual([]);
    await answer(2);
    const refusals = [
      { id: null, error: { code: -32600 } },
      { id: 8, error: { code: -32600 } },
    ];
    expect(lines()).toMatchObject([[...refusals, { id: 2, result: {} }]]);
    send([7, { jsonrpc: "2.0", method: "notifications/initialized" }]);
    await turn();
    expect(lines()).toMatchObject([[refusals[0]]]);
  });

  it("behind an introduction waits for its answer", async () => {
    const { send, received, lines, answer, turn } = await pipe({ version: "" });
    send(initialize({ protocolVersion: "2024-11-05" }));
    send(batch(2));
    await turn();
    expect(received).toHaveLength(1);
    await answer(1, { protocolVersion: "2024-11-05" });
    expect(received).toHaveLength(2);
    await answer(2);
    expect(lines()).toMatchObject([{ id: 1 }, [{ id: 2 }]]);
  });

  const claim = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };
  it.each([
    ["is empty", [], {}, /empty/],
    ["has no message at all", [{}, 7], {}, /invalid/],
    ["has more than 100", batch(...Array(101).keys()), { maxBytes: 100_000 }, /at most 100/],
    ["has an id twice", batch(2, 2), {}, /same id/],
    ["introduces somebody", [initialize()], {}, /initialize/],
    ["is of a revision without", batch(2), { version: "2025-06-18" }, /has no batches/],
    ["is of 2026", [rpc("ping", { _meta: claim })], { version: "" }, /2026-07-28/],
    ["is of nobody", batch(2), { version: "" }, /not sent initialize/],
  ] as const)("that %s is refused as a whole", async (_, messages, options, reason) => {
    const { send, received, lines, turn } = await pipe(options);
    send(messages);
    await turn();
    expect(lines()).toEqual([
      { jsonrpc: "2.0", id: null, error: { code: -32600, message: expect.stringMatching(reason) } },
    ]);
    expect(received).toEqual([]);
  });
});

describe("the end of the input", () => {
  it("under a call that waits on nothing ends it as interrupted, and the program with 0", async () => {
    const folder = temporaryFolder();
    const tools = folderOf({
      "waits.mjs": `import { defineTool } from "holdfast";
        export default defineTool({ name: "waits", description: "Waits.", session: "optional",
          handler: () => new Promise(() => {}) });`,
    });
    const raw = await rawStdio([
      "--data-dir",
      folder,
      "--shutdown-grace",
      "200ms",
      "--tools",
      tools,
    ]);
    const answer = raw.call("waits");
    await raw.request("ping");
    raw.end();
    expect(JSON.stringify(await answer)).toContain("interrupted");
    expect(await raw.exited).toEqual({ code: 0, signal: null });
    expect(raw.errors()).not.toContain("top-level await");
  });
});

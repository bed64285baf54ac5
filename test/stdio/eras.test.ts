// Both eras on one pipe, in any order: some programs ask `server/discover` before they introduce themselves, some after.
import type { JSONRPCRequest, Transport } from "@modelcontextprotocol/server";
import { expect, it } from "vitest";
import { EraChannels } from "../../src/mcp/stdio/era-channels.ts";
import { temporaryFolder } from "../support/folder.ts";
import { envelope, MODERN, modernRequest } from "../support/modern.ts";
import { type RawStdio, rawStdio } from "../support/raw-stdio.ts";
import { INFO, type Json } from "../support/raw.ts";

const INTRODUCTION = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: INFO };

const ask = (pipe: RawStdio, method: string, params: object = {}): Promise<Json> =>
  pipe.request(method, params);

const discover = (pipe: RawStdio) => ask(pipe, "server/discover", { _meta: envelope() });

const ANSWERS: Record<string, { ask(pipe: RawStdio): Promise<Json>; answer: object }> = {
  "server/discover": { ask: discover, answer: { result: { supportedVersions: [MODERN] } } },
  initialize: {
    ask: (pipe) => ask(pipe, "initialize", INTRODUCTION),
    answer: { result: { protocolVersion: "2025-11-25" } },
  },
  "a call of 2026": {
    ask: (pipe) =>
      ask(pipe, "tools/call", {
        ...{ name: "state_get", arguments: { key: "k" }, _meta: envelope() },
      }),
    answer: { result: { resultType: "complete", structuredContent: { key: "k", value: 1 } } },
  },
  "a call of 2025": {
    ask: (pipe) =>
      ask(pipe, "tools/call", { name: "state_set", arguments: { key: "k", value: 1 } }),
    answer: { result: { structuredContent: { key: "k" } } },
  },
};

it.each([
  ["server/discover", "initialize", "a call of 2025", "a call of 2026", "server/discover"],
  ["initialize", "server/discover", "a call of 2025", "a call of 2026"],
  ["a call of 2025", "a call of 2026", "initialize", "server/discover", "a call of 2025"],
])("%s, then %s, %s and %s are answered over one pipe", async (...order) => {
  const pipe = await rawStdio(["--data-dir", temporaryFolder()], { introduce: false });
  for (const name of order.filter((name) => name !== undefined)) {
    const { ask, answer } = ANSWERS[name]!;
    expect(await ask(pipe), name).toMatchObject(answer);
  }
  pipe.end();
  expect((await pipe.exited).code).toBe(0);
  expect(pipe.lines).toHaveLength(order.length);
});

it("a client that has asked server/discover too hears once of each change", async () => {
  const folder = temporaryFolder();
  const [pipe, other] = [
    await rawStdio(["--data-dir", folder]),
    await rawStdio(["--data-dir", folder]),
  ];
  await discover(pipe);
  const uri = "holdfast://sessions";
  await ask(pipe, "resources/subscribe", { uri });
  await other.call("state_set", { key: "k", value: 1 });
  const heard = () => pipe.lines.filter((line) => line.includes("notifications/resources/updated"));
  await expect.poll(heard).not.toEqual([]);
  await ask(pipe, "ping");
  expect(heard()).toHaveLength(1);
});

it("a request is cancelled in its own era, also where the cancellation claims none", async () => {
  const wire: Transport = {
    start: async () => undefined,
    send: async () => undefined,
    close: async () => undefined,
  };
  const channels = new EraChannels(wire);
  const heard: string[] = [];
  channels.legacy.onmessage = (message) => heard.push(`legacy ${(message as Json)["method"]}`);
  channels.modern.onmessage = (message) => heard.push(`modern ${(message as Json)["method"]}`);
  const cancelled = {
    jsonrpc: "2.0" as const,
    method: "notifications/cancelled",
    params: { requestId: 1 },
  };
  wire.onmessage!(modernRequest("tools/call") as JSONRPCRequest);
  wire.onmessage!(cancelled);
  await channels.modern.send({ jsonrpc: "2.0", id: 1, result: {} });
  wire.onmessage!(cancelled); // its number may be another request's by now
  expect(heard).toEqual([
    "modern tools/call",
    "modern notifications/cancelled",
    "legacy notifications/cancelled",
  ]);
});

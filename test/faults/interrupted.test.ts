// What becomes of calls that are cut short: no program may take it for leave to repeat them by itself.
import { setTimeout as sleep } from "node:timers/promises";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { definePrompt, defineTool } from "../../src/index.ts";
import { connect, VERSIONS } from "../support/clients.ts";
import { gate, serveHere } from "../support/here.ts";
import { INTERRUPTED, MAY_BE_DONE } from "../support/interrupted.ts";
import { introduce, read, rpc } from "../support/raw.ts";

/** A tool that has begun and never ends by itself; it promises an output of its own. */
function endless() {
  const begun = gate();
  const tool = defineTool({
    name: "endless",
    description: "Never ends.",
    input: z.object({}),
    output: z.object({ done: z.boolean() }),
    async handler({ session, signal }) {
      await session.state.set("begun", true);
      begun.open();
      await sleep(2 ** 30, undefined, { signal });
      return { done: true };
    },
  });
  return { tool, begun: begun.wait };
}

describe("a tool call that a stop cuts", () => {
  it.each(VERSIONS)(
    "is a result for the %s client, also of a tool with an output schema",
    async (version) => {
      const { tool, begun } = endless();
      const server = await serveHere({ tools: [tool], config: { "shutdown-grace": "10ms" } });
      const client = await connect(version, server);
      expect(await client.toolNames()).toContain("endless"); // from here on it checks outputs
      const { session } = (await client.call("session_open")).data;
      const outcome = client.call("endless", { session });
      await begun;
      await server.stop();
      expect(await outcome).toMatchObject({
        isError: true,
        text: expect.stringMatching(MAY_BE_DONE),
        meta: INTERRUPTED._meta,
      });
    },
  );
});

it("what is no tool call ends with an error that may be retried", async () => {
  const begun = gate();
  const prompt = definePrompt({
    name: "endless",
    description: "Never ends.",
    async handler(): Promise<never> {
      begun.open();
      return new Promise(() => undefined);
    },
  });
  const server = await serveHere({ prompts: [prompt], config: { "shutdown-grace": "10ms" } });
  const client = new Client({ name: "asks", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(new URL(server.url)));
  onTestFinished(() => client.close());
  const outcome = client.getPrompt({ name: "endless" }).catch((error: unknown) => error);
  await begun.wait;
  await server.stop();
  expect(await outcome).toMatchObject({
    code: -32603,
    data: { interrupted: true, retryable: true },
  });
});

it("a DELETE of the client gives what it still waits for an outcome", async () => {
  const { tool, begun } = endless();
  const { url } = await serveHere({ tools: [tool] });
  const client = await introduce(url);
  const answer = client.post(rpc("tools/call", { name: "endless", arguments: {} }, 7)).then(read);
  await begun;
  expect((await client.end()).status).toBe(200);
  expect((await answer).messages).toMatchObject([{ id: 7, result: INTERRUPTED }]);
});

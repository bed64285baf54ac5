// What a definition says beside its schemas, and changes of state that others make at the same time.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z as zod3 } from "zod/v3";
import { createHoldfast, defineTool, type Running, testClient } from "../../src/index.ts";
import { callAs } from "../support/bearer.ts";
import { callModern } from "../support/modern.ts";
import { codeOf } from "../support/raw.ts";

const spec = { description: "For a test.", session: "optional" } as const;
let signalled = 0;
const tools = [
  defineTool({
    ...spec,
    name: "count",
    session: "created",
    async handler({ session }) {
      const n = await session.state.update<number>("n", async (before = 0) => before + 1, {
        ttlSeconds: 60,
      });
      return { n };
    },
  }),
  defineTool({
    ...spec,
    name: "nested",
    session: "created",
    handler: ({ session }) =>
      session.state.update("k", () => {
        throw new TypeError("its own affair");
      }),
  }),
  defineTool({
    ...spec,
    name: "misspells",
    session: "created",
    handler: ({ session }) => session.state.set("k", 1, { ttl: 60 } as object).then(() => "set"),
  }),
  ...[true, false].map((heeds) =>
    defineTool({
      ...spec,
      name: heeds ? "heeds" : "ignores",
      timeoutMs: 5,
      handler: ({ signal }) =>
        new Promise<string>((_, reject) => {
          signal.addEventListener("abort", () => {
            signalled += 1;
            if (heeds) reject(signal.reason as Error);
          });
        }),
    }),
  ),
  defineTool({ ...spec, name: "quick_one", timeoutMs: 60_000, handler: () => "in time" }),
  defineTool({ ...spec, name: "looks", scope: "read", handler: () => "done" }),
  defineTool({ ...spec, name: "changes", handler: () => "done" }),
  defineTool({ ...spec, name: "rules", scope: "admin", handler: () => "done" }),
];

let running: Running;
beforeAll(async () => {
  const config = { ephemeral: true, "log-level": "silent" };
  running = await createHoldfast({ tools, config, env: {} }).run("http", { port: 0 });
});
afterAll(() => running.stop());
const call = (name: string, args: object = {}) => callModern(running.url!, name, args);

describe("state.update", () => {
  it("loses nothing of many callers at the same time", async () => {
    const { session } = (await call("session_open")).data;
    const counted = await Promise.all(Array.from({ length: 40 }, () => call("count", { session })));
    const numbers = counted.map(({ data }) => data["n"] as number).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    const entry = (await call("state_get", { session, key: "n" })).data;
    expect(entry).toMatchObject({
      value: 40,
      version: 40,
      expires_at: expect.any(String) as string,
    });
  });

  it("changes nothing when the function throws", async () => {
    const { session } = (await call("session_open")).data;
    expect((await call("nested", { session })).isError).toBe(true);
    expect((await call("state_get", { session, key: "k" })).data["found"]).toBe(false);
  });
});

it("state.set refuses an option that it does not have: the value would never expire", async () => {
  const { session } = (await call("session_open")).data;
  const refused = await call("misspells", { session });
  expect(refused.says).toContain("ttl is no option; there are ttlSeconds and ifVersion.");
  expect((await call("state_get", { session, key: "k" })).data["found"]).toBe(false);
});

it.each(["input", "output"] as const)("a schema of zod 3 as %s is named as such", (field) => {
  const schema = { [field]: zod3.object({ a: zod3.string() }) };
  expect(() => defineTool({ ...spec, name: "a", handler: () => ({ a: "" }), ...schema })).toThrow(
    `Tool a: ${field}: a schema of zod 3 tells no JSON Schema; import zod 4`,
  );
});

it("helpers may be beside the handler, and anything in an object of a class", async () => {
  class Greeting {
    readonly name = "greeting";
    readonly description = "For a test.";
    readonly words = "hello";
    handler() {
      return this.words;
    }
  }
  const helped = defineTool({
    ...{ ...spec, name: "helped", words: () => "good morning" },
    handler(this: { words(): string }) {
      return this.words();
    },
  });
  await using client = await testClient([defineTool(new Greeting()), helped]);
  expect((await client.call("greeting"))["content"]).toMatchObject([{ text: "hello" }]);
  expect((await client.call("helped"))["content"]).toMatchObject([{ text: "good morning" }]);
});

it("timeoutMs ends a call, whether its tool listens or not, and says so", async () => {
  for (const name of ["heeds", "ignores"]) {
    const late = await call(name);
    expect(codeOf(late)).toBe("limit");
    expect(late.says).toContain("took longer than its 5 ms");
  }
  expect(signalled).toBe(2);
  expect((await call("quick_one")).says).toBe("in time");
});

it("scope says which key may call a tool; without keys everybody may", async () => {
  expect((await call("rules")).says).toBe("done");
  const { keys } = running.app;
  const allowed: Record<string, string[]> = {};
  for (const scope of ["read", "write", "admin"] as const) {
    const { key } = await keys.create({ principal: "ada", scope, lifetimeMs: Infinity });
    allowed[scope] = [];
    for (const name of ["looks", "changes", "rules"])
      if ((await callAs(running.url!, key, name)).status === 200) allowed[scope].push(name);
  }
  expect(allowed).toEqual({
    read: ["looks"],
    write: ["looks", "changes"],
    admin: ["looks", "changes", "rules"],
  });
});

it("quick, the earlier name, stands for the response as JSON", () => {
  const handler = () => "done";
  expect(defineTool({ ...spec, name: "a", quick: true, handler }).response).toBe("json");
  expect(defineTool({ ...spec, name: "b", quick: false, handler }).response).toBe("stream");
  expect(defineTool({ ...spec, name: "c", handler }).response).toBe("stream");
});

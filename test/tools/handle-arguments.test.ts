// Arguments that a tool's JavaScript gives to its session: what is wrong is refused with the field, and never stored.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ToolResult } from "../../src/index.ts";
import { defineTool, type TestClient, testClient } from "../../src/index.ts";

/** The context without its types, as JavaScript sees it. */
type Loose = Record<"session" | "sessions", any>; // eslint-disable-line @typescript-eslint/no-explicit-any
let act: (context: Loose) => unknown;
const tool = defineTool({
  name: "acts",
  description: "For a test.",
  session: "created",
  handler: (context) => act(context as unknown as Loose) as Promise<ToolResult>,
});

let client: TestClient;
beforeAll(async () => {
  client = await testClient([tool]);
});
afterAll(() => client.close());
const acts = (does: typeof act) => {
  act = does;
  return client.call("acts");
};

const MESSAGE = { role: "user", content: "x" };
const WRONG: [string, (context: Loose) => unknown][] = [
  ["role: expected", ({ session: s }) => s.history.append({ ...MESSAGE, role: "boss" })],
  ["role: expected", ({ session: s }) => s.history.append({ ...MESSAGE, role: 5 })],
  ["role: expected", ({ session: s }) => s.history.append("x")],
  ["content: expected text", ({ session: s }) => s.history.append({ ...MESSAGE, content: 5 })],
  ["content: expected text", ({ session: s }) => s.history.append({ ...MESSAGE, content: ["x"] })],
  [
    "request_key: expected text",
    ({ session: s }) => s.history.append({ ...MESSAGE, requestKey: 5 }),
  ],
  ["limit: expected", ({ session: s }) => s.history.page({ limit: "x" })],
  ["limit: expected", ({ session: s }) => s.history.page({ limit: -1 })],
  ["before: expected", ({ session: s }) => s.history.page({ limit: 1, before: Number.NaN })],
  ["query: expected text", ({ session: s }) => s.history.search({ query: "x" }, 5)],
  ["limit: expected", ({ session: s }) => s.history.search("x", { limit: 5 })],
  ["prompt: expected text", ({ session: s }) => s.ask("hello")],
  ["key: expected text", ({ session: s }) => s.state.get(5)],
  ["key: expected text", ({ session: s }) => s.state.delete()],
  ["ttlSeconds: expected a number", ({ session: s }) => s.state.set("k", 1, { ttlSeconds: "60" })],
  ["ifVersion: expected", ({ session: s }) => s.state.set("k", 1, { ifVersion: "1" })],
  ["prefix: expected text", ({ session: s }) => s.state.list({ prefix: 5 })],
  ["change: expected a function", ({ session: s }) => s.state.update("k", 5)],
  ["name: expected text", ({ sessions }) => sessions.open({ name: 5 })],
  ["title: expected text", ({ sessions }) => sessions.open({ title: 5 })],
  ["query: expected text", ({ sessions }) => sessions.list({ query: 5 })],
  ["query: expected text", ({ sessions }) => sessions.search(5)],
];

describe("arguments of a tool's session", () => {
  it.each(WRONG)("are refused with the field: %s, of %s", async (field, does) => {
    const result = await acts(does);
    expect(result.content).toMatchObject([{ text: expect.stringContaining(field) as string }]);
    expect(result._meta).toMatchObject({ "holdfast/error": "invalid" });
  });

  it("store no other columns of a message than a tool may write, and no empty key", async () => {
    const more = {
      requestKey: "",
      model: "m\0",
      inputTokens: 5.5,
      status: "pending",
      author: "eve",
    };
    for (const content of ["first", "second"])
      await acts(({ session: s }) => s.history.append({ ...MESSAGE, ...more, content }));
    const { messages } = (await acts(({ session: s }) => s.history.page())).structuredContent as {
      messages: Record<string, unknown>[];
    };
    expect(messages).toMatchObject(
      ["first", "second"].map((content) => ({
        ...{ content, model: null, inputTokens: null, status: "complete", requestKey: null },
        author: "local",
      })),
    );
  });

  it("may be left out where there is an obvious value", async () => {
    for (const does of [
      ({ session: s }: Loose) => s.state.list(),
      ({ session: s }: Loose) => s.history.page(),
      ({ session: s }: Loose) => s.history.search("x"),
      ({ sessions }: Loose) => sessions.list(),
      ({ sessions }: Loose) => sessions.search("x"),
    ])
      expect((await acts(does)).isError).toBeUndefined();
  });
});

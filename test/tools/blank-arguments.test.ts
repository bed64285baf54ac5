// null and empty text for what was not given, as models in strict mode and programs in other languages send them.
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { serveHere } from "../support/here.ts";
import { callModern } from "../support/modern.ts";
import { type CallAnswer, introduce, type Json } from "../support/raw.ts";

type Call = (tool: string, args: object) => Promise<CallAnswer>;

/** What a call of each tool needs. */
const NEEDED: Record<string, object> = {
  ...{ state_get: { key: "k" }, state_set: { key: "k", value: 1 }, state_delete: { key: "gone" } },
  ...{ history_append: { role: "user", content: "x" }, history_search: { query: "x" } },
  ...{ chat: { prompt: "x" }, session_share: { principal: "ana" } },
  ...{ session_unshare: { principal: "ana" }, history_delete: { seq: 1 } },
};

describe("a blank optional argument", () => {
  it("of any built-in tool is one that was not given, in both eras", async () => {
    const { url } = await serveHere({ config: { toolset: "all" } });
    const client = await introduce(url);
    const { id: session } = client;
    const eras: Record<string, Call> = {
      legacy: (tool, args) => client.call(tool, args),
      modern: (tool, args) => callModern(`${url}?session=${session}`, tool, args),
    };
    await client.call("history_append", { role: "user", content: "x" });
    const { tools } = (await client.ask("tools/list")).messages[0]!["result"] as { tools: Json[] };
    const wrong: string[] = [];
    for (const { name, inputSchema } of tools) {
      const { properties, required = [] } = inputSchema as Json;
      const optional = Object.keys(properties as object).filter(
        (key) => !(required as string[]).includes(key),
      );
      // One comes at the end; whoever gives no session has none to leave; no task has asked anything.
      if (["session_delete", "session_leave", "task_answer"].includes(name as string)) continue;
      if (optional.length === 0) continue;
      for (const [era, call] of Object.entries(eras)) {
        for (const blank of [null, ""]) {
          // All of them at once, as strict mode does it.
          const blanks = Object.fromEntries(optional.map((key) => [key, blank]));
          const { isError, says } = await call(name as string, { ...blanks, ...NEEDED[name] });
          if (isError) wrong.push(`${era} ${name} ${JSON.stringify(blank)}: ${says}`);
        }
      }
    }
    expect(wrong).toEqual([]);
    expect((await client.call("session_delete", { session: "" })).data["deleted"]).toBe(true);
  });

  it("takes nothing away: session_update clears what `clear` names", async () => {
    const { url } = await serveHere();
    const client = await introduce(url);
    await client.call("session_update", { title: "Reef", system: "Be brief." });
    const strict = { title: null, system: "", pinned: true, clear: null, session: null };
    const kept = { title: "Reef", system: "Be brief.", pinned: true };
    expect((await client.call("session_update", strict)).data).toMatchObject(kept);
    const cleared = await client.call("session_update", { clear: ["title", "system"] });
    expect(cleared.data).toMatchObject({ title: null, system: null, pinned: true });
  });

  it("is a value where the argument really takes it", async () => {
    const { url } = await serveHere();
    const client = await introduce(url);
    for (const value of [null, "", { a: null, b: "" }]) {
      await client.call("state_set", { key: "k", value });
      expect((await client.call("state_get", { key: "k" })).data["value"]).toEqual(value);
    }
  });

  it("of an author's tool is absent where the schema refuses it, at any depth", async () => {
    const echo = defineTool({
      name: "echo",
      description: "Gives back its arguments.",
      input: z.object({
        needed: z.string(),
        text: z.string().optional(),
        long: z.string().min(3).optional(),
        count: z.int().default(7),
        kind: z.enum(["a", "b"]).default("b"),
        nothing: z.string().nullable().optional(),
        filter: z
          .object({ from: z.int().optional(), tags: z.array(z.string()).optional() })
          .optional(),
        list: z.array(z.object({ n: z.int().optional() })).optional(),
      }),
      session: "optional",
      response: "json",
      handler: ({ input }) => ({ input }),
    });
    const { url } = await serveHere({ tools: [echo] });
    const client = await introduce(url);
    const input = async (args: object): Promise<Json> =>
      (await client.call("echo", args)).data["input"] as Json;
    const defaults = { needed: "", count: 7, kind: "b" };
    expect(await input({ needed: "", text: null, long: null, count: null, kind: null })).toEqual(
      defaults,
    );
    expect(await input({ needed: "", long: "", count: "", kind: "" })).toEqual(defaults);
    expect(await input({ needed: "", text: "", nothing: null })).toEqual({
      ...{ ...defaults, text: "", nothing: null },
    });
    expect(
      await input({ needed: "", filter: { from: null, tags: "" }, list: [{ n: 1 }, { n: null }] }),
    ).toEqual({ ...defaults, filter: {}, list: [{ n: 1 }, {}] });
    expect(await input({ needed: "", filter: null, list: null, session: null })).toEqual(defaults);
  });

  it("that is needed is refused by name, and so is what is wrong beside it", async () => {
    const { url } = await serveHere();
    const client = await introduce(url);
    const answer = await client.call("history_append", {
      role: "user",
      content: null,
      session: null,
    });
    expect(answer).toMatchObject({ isError: true });
    expect(answer.says).toMatch(/- content: .*received null$/);
    const other = await client.call("history_get", { limit: "many", before: null });
    expect(other.says).toMatch(/^Wrong arguments for history_get:\n- limit: [^\n]*$/);
    const element = await client.call("session_update", { clear: [null] });
    expect(element.says).toContain("clear.0");
  });
});

describe("a cursor", () => {
  it("of another list, or of none, is refused with its field", async () => {
    const { url } = await serveHere();
    const client = await introduce(url);
    for (let i = 0; i < 2; i++) {
      await client.call("session_open", { title: `${i}` });
      await client.call("state_set", { key: `k${i}`, value: i });
    }
    const [sessions, state] = [
      (await client.call("session_list", { limit: 1 })).data["next_cursor"] as string,
      (await client.call("state_list", { limit: 1 })).data["next_cursor"] as string,
    ];
    expect((await client.call("state_list", { cursor: state })).data["entries"]).toMatchObject([
      { key: "k1" },
    ]);
    expect((await client.call("session_list", { cursor: sessions })).isError).toBe(false);
    const refused = {
      session_list: [state, `${sessions}x`, `${sessions}!`, sessions.slice(1), "k0", "0"],
      state_list: [sessions, `${state}x`, `${state}=`, ` ${state}`, "k0", "aw"],
    };
    for (const [tool, cursors] of Object.entries(refused)) {
      for (const cursor of cursors) {
        const { isError, says, messages } = await client.call(tool, { cursor });
        expect([cursor, isError, says]).toEqual([cursor, true, expect.stringMatching(/^cursor: /)]);
        expect(messages[0]!["result"]._meta).toEqual({ "holdfast/error": "invalid" });
      }
    }
  });
});

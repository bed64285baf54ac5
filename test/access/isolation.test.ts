// Sessions never see each other: not by default, and not through any sequence of calls.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { serveHere } from "../support/here.ts";
import { introduce, type Json, type RawClient } from "../support/raw.ts";
import { runs } from "../support/runs.ts";

describe("two clients without names", () => {
  it("never see each other's state or history by default", async () => {
    const { url } = await serveHere();
    const [one, two] = [await introduce(url), await introduce(url)];
    await one.call("state_set", { key: "k", value: "one" });
    await one.call("history_append", { role: "user", content: "My cat is called Ada." });

    expect((await two.call("state_get", { key: "k" })).data["found"]).toBe(false);
    expect((await two.call("state_list")).data["entries"]).toEqual([]);
    expect((await two.call("history_get")).data["messages"]).toEqual([]);
    const answer = await two.call("chat", { prompt: "What is my cat called?" });
    expect(answer.text).not.toContain("Ada");

    await two.call("state_set", { key: "k", value: "two" });
    await two.call("session_clear");
    expect((await two.call("state_delete", { key: "k" })).data["deleted"]).toBe(false);
    expect((await one.call("state_get", { key: "k" })).data).toMatchObject({
      value: "one",
      version: 1,
    });
    await two.call("session_delete");
    expect((await one.call("history_get")).data["messages"]).toMatchObject([{ seq: 1 }]);
    expect((await one.call("session_info")).data["counts"]).toEqual({ messages: 1, state_keys: 1 });
  });

  it("may use the same request key and the same message, each for itself", async () => {
    const { url } = await serveHere();
    const clients = [await introduce(url), await introduce(url)];
    const message = { role: "user", content: "same", request_key: "same" };
    for (const client of [...clients, ...clients]) {
      const { data } = await client.call("history_append", message);
      expect(data).toMatchObject({ session: await client.session(), seq: 1 });
    }
  });
});

/** What a session must hold, in the simplest way there is. */
class Model {
  /** Values as JSON texts: exact, and without the pitfalls of comparing objects. */
  readonly state = new Map<string, { value: string; version: number }>();
  history: { role: string; content: string }[] = [];

  apply({ tool, args }: Command): object {
    const { key, value, what } = args;
    switch (tool) {
      case "state_set": {
        const version = (this.state.get(key!)?.version ?? 0) + 1;
        this.state.set(key!, { value: JSON.stringify(value), version });
        return { key, version };
      }
      case "state_delete":
        return { key, deleted: this.state.delete(key!) };
      case "history_append":
        return { seq: this.history.push({ role: args.role!, content: args.content! }) };
      case "session_clear":
        if (what !== "state") this.history = [];
        if (what !== "history") this.state.clear();
        return { cleared: what };
    }
  }

  /** As `state_list` and `history_get` answer. */
  contents(): { state: object[]; history: object[] } {
    return {
      state: [...this.state.keys()].sort(byBytes).map((key) => ({ key, ...this.state.get(key)! })),
      history: this.history.map((message, i) => ({ seq: i + 1, ...message, status: "complete" })),
    };
  }
}

/** SQLite compares texts by their UTF-8 bytes. */
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

interface Command {
  tool: "state_set" | "state_delete" | "history_append" | "session_clear";
  args: { key?: string; value?: unknown; role?: string; content?: string; what?: string };
}

const storable = (text: string): boolean => text.isWellFormed() && !text.includes("\0");
const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter(storable);
// Few keys, so that they meet, and some that like to be special.
const key = fc.oneof(fc.constantFrom("a", "b", "a/b", "A", "%", "__proto__", "constructor"), text);
const value = fc.jsonValue({ maxDepth: 3 }).filter((json) => storable(JSON.stringify(json)));

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      tool: fc.constant("state_set" as const),
      args: fc.record({ key, value }, { noNullPrototype: true }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ tool: fc.constant("state_delete" as const), args: fc.record({ key }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      tool: fc.constant("history_append" as const),
      args: fc.record({
        role: fc.constantFrom("user", "assistant", "system", "tool"),
        content: text,
      }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      tool: fc.constant("session_clear" as const),
      args: fc.record({ what: fc.constantFrom("history", "state", "all") }),
    }),
  },
);

const SESSIONS = 3;
const program = fc.array(fc.tuple(fc.nat(SESSIONS - 1), command), { maxLength: 60 });

it("a value comes back exactly as it was sent, whatever its keys are called", async () => {
  const client = await introduce((await serveHere()).url);
  for (const value of ['{"__proto__":{"a":1}}', '[{"constructor":1,"toString":null}]', '{"":0}']) {
    await client.call("state_set", { key: "k", value: JSON.parse(value) as unknown });
    const { data } = await client.call("state_get", { key: "k" });
    expect(JSON.stringify(data["value"])).toBe(value);
  }
});

describe("any program of calls over three sessions", () => {
  async function contents(client: RawClient, session: string): Promise<object> {
    const { data: state } = await client.call("state_list", { session, limit: 1000 });
    const { data: history } = await client.call("history_get", { session, limit: 500 });
    const entries = (state["entries"] as Json[]).map(({ key, value, version }) => ({
      ...{ key, value: JSON.stringify(value), version },
    }));
    const messages = (history["messages"] as Json[]).map(({ seq, role, content, status }) => ({
      ...{ seq, role, content, status },
    }));
    return { state: entries, history: messages };
  }

  async function openSessions(client: RawClient): Promise<string[]> {
    const opened = Array.from({ length: SESSIONS }, () => client.call("session_open"));
    return (await Promise.all(opened)).map(({ data }) => data["session"] as string);
  }

  /** What the models hold is what the sessions hold, not more and not less. */
  async function expectSame(client: RawClient, sessions: string[], models: Model[]): Promise<void> {
    for (const [n, session] of sessions.entries()) {
      expect(await contents(client, session)).toEqual(models[n]!.contents());
    }
  }

  it("leaves in each exactly what a model of it holds, one call after the other", async () => {
    const { url } = await serveHere();
    const client = await introduce(url);
    await fc.assert(
      fc.asyncProperty(program, async (calls) => {
        const sessions = await openSessions(client);
        const models = sessions.map(() => new Model());
        for (const [n, command] of calls) {
          const args = { session: sessions[n], ...command.args };
          const { data } = await client.call(command.tool, args);
          expect(data).toMatchObject({ session: sessions[n], ...models[n]!.apply(command) });
        }
        await expectSame(client, sessions, models);
      }),
      { numRuns: runs(30) },
    );
  });

  it("leaves the same when each session has a client of its own and all call at once", async () => {
    const { url } = await serveHere();
    const clients = await Promise.all(Array.from({ length: SESSIONS }, () => introduce(url)));
    await fc.assert(
      fc.asyncProperty(program, async (calls) => {
        const sessions = await openSessions(clients[0]!);
        const models = sessions.map(() => new Model());
        const each = sessions.map(async (session, n) => {
          for (const [at, command] of calls) {
            if (at !== n) continue;
            models[n]!.apply(command);
            await clients[n]!.call(command.tool, { session, ...command.args });
          }
        });
        await Promise.all(each);
        await expectSame(clients[0]!, sessions, models);
      }),
      { numRuns: runs(30) },
    );
  });
});

// Lists that are longer than an answer: each says so, and how to go on.
import { describe, expect, it } from "vitest";
import { defineResource } from "../../src/index.ts";
import { serveHere } from "../support/here.ts";
import { askModern } from "../support/modern.ts";
import { introduce, type Json, type RawClient } from "../support/raw.ts";

const SESSIONS = 105;
const MESSAGES = 505;
const KEYS = 101;

const many = async (count: number, act: (i: number) => Promise<unknown>): Promise<void> => {
  for (let from = 0; from < count; from += 20)
    await Promise.all(Array.from({ length: Math.min(20, count - from) }, (_, i) => act(from + i)));
};

const result = async (client: RawClient, method: string, params: object = {}): Promise<Json> => {
  const [{ result, error }] = (await client.ask(method, params)).messages as [Json];
  return (result ?? { error }) as Json;
};

const read = async (client: RawClient, uri: string): Promise<Json> =>
  JSON.parse(
    ((await result(client, "resources/read", { uri }))["contents"] as Json[])[0]!["text"] as string,
  ) as Json;

/** All pages, by what leads from one to the next. */
async function pages(
  first: string,
  page: (at: string) => Promise<[items: Json[], next: string | undefined]>,
): Promise<Json[]> {
  const all: Json[] = [];
  for (let at: string | undefined = first; at !== undefined;) {
    const [items, next] = await page(at);
    all.push(...items);
    at = next;
  }
  return all;
}

describe("with more than fits", () => {
  it("every list of a session's says so, and leads to the rest", async () => {
    const own = defineResource({ uri: "mem://own", name: "own", read: () => "own" });
    const { url } = await serveHere({ resources: [own] });
    const client = await introduce(url);
    await many(SESSIONS, (i) => client.call("session_open", { title: `Reef ${i}` }));
    await many(MESSAGES, (i) => client.call("history_append", { role: "user", content: `${i}` }));
    await many(KEYS, (i) => client.call("state_set", { key: `key ${i}`, value: i }));

    const first = await result(client, "resources/list");
    expect((first["resources"] as Json[]).map(({ uri }) => uri as string)).toContain("mem://own");
    const uris = await pages("", async (cursor) => {
      const listed = await result(client, "resources/list", { cursor });
      return [listed["resources"] as Json[], listed["nextCursor"] as string | undefined];
    });
    expect(new Set(uris.map(({ uri }) => uri as string)).size).toBe(uris.length);
    expect(uris).toHaveLength(SESSIONS + 4); // this client's own, the list of all, the skill, and what is not ours

    expect(await read(client, "holdfast://sessions")).toMatchObject({ total: SESSIONS + 1 });
    const sessions = await pages("holdfast://sessions", async (uri) => {
      const page = await read(client, uri);
      return [page["sessions"] as Json[], page["next"] as string | undefined];
    });
    expect(new Set(sessions.map(({ uri }) => uri as string)).size).toBe(SESSIONS + 1);

    const id = await client.session();
    const root = `holdfast://sessions/${id}`;
    const history = `${root}/history`;
    expect(await read(client, history)).toMatchObject({ total: MESSAGES });
    // The header of a client is a handle for its session here too, as it is in a tool's arguments.
    const byHeader = `holdfast://sessions/${client.id}/history`;
    expect(await read(client, byHeader)).toMatchObject({ total: MESSAGES });
    const messages = await pages(history, async (uri) => {
      const page = await read(client, uri);
      return [page["messages"] as Json[], page["next"] as string | undefined];
    });
    expect(messages.map(({ seq }) => seq as number).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: MESSAGES }, (_, i) => i + 1),
    );

    const info = await read(client, root);
    expect(info).toMatchObject({ counts: { state_keys: KEYS }, more_state: expect.any(String) });

    const prompt = { type: "ref/prompt", name: "continue_conversation" };
    const typed = async (ref: object, name: string, value: string): Promise<Json> =>
      (
        await result(client, "completion/complete", {
          ...{ ref, argument: { name, value }, context: { arguments: { id } } },
        })
      )["completion"] as Json;
    const session = { type: "ref/resource", uri: "holdfast://sessions/{id}" };
    const state = { type: "ref/resource", uri: "holdfast://sessions/{id}/state/{key}" };
    for (const [ref, name, value] of [
      [prompt, "session", "reef"],
      [session, "id", ""],
      [state, "key", "key"],
    ] as const) {
      const { values, total, hasMore } = await typed(ref, name, value);
      expect([name, (values as string[]).length, total, hasMore]).toEqual([
        ...[name, 100, undefined, true],
      ]);
    }
    expect(await typed(prompt, "session", "Reef 77")).toEqual({
      ...{ values: ["Reef 77"], total: 1, hasMore: false },
    });
    expect(await typed(session, "id", id.slice(0, 30))).toEqual({
      ...{ values: [id], total: 1, hasMore: false },
    });
    expect(await typed(prompt, "session", "Kelp")).toEqual({
      values: [],
      total: 0,
      hasMore: false,
    });
  });

  it("a cursor that the list did not give is refused with its field, in both eras", async () => {
    const { url } = await serveHere();
    const client = await introduce(url);
    await client.call("state_set", { key: "k", value: 1 });
    const lists = ["tools/list", "prompts/list", "resources/templates/list", "resources/list"];
    const sessions = Buffer.from('["sessions",1,"x"]').toString("base64url");
    const inside = Buffer.from('["resources",0,"x"]').toString("base64url");
    for (const method of lists) {
      for (const cursor of ["x", "0", sessions, inside]) {
        const error = { code: -32602, message: expect.stringMatching(/^cursor: /) };
        expect(await result(client, method, { cursor })).toMatchObject({ error });
        expect((await askModern(url, method, { cursor })).messages).toMatchObject([{ error }]);
      }
      expect(await result(client, method, { cursor: "" })).not.toHaveProperty("error");
    }
    const uri = "holdfast://sessions?cursor=x";
    expect(await result(client, "resources/read", { uri })).toMatchObject({
      error: { code: -32602, message: expect.stringMatching(/^cursor: /) },
    });
  });
});

// `search` and `fetch` as ChatGPT's connectors and deep research expect them, over all that the caller may read.
import { describe, expect, it } from "vitest";
import { defineTool } from "../../src/index.ts";
import { connect } from "../support/clients.ts";
import { serveHere } from "../support/here.ts";
import { askModern } from "../support/modern.ts";
import { type Era, ERAS, type Person, serveWithKeys } from "../support/people.ts";
import type { CallAnswer, Json } from "../support/raw.ts";

const ADDRESS = "tools=chatgpt";

async function filled(era: Era): Promise<{ ana: Person; bob: Person; session: string }> {
  const { person } = await serveWithKeys();
  const [ana, bob] = [await person("ana", era), await person("bob", era)];
  const { session } = (await ana.call("session_open", { title: "The garden" })).data;
  for (const content of ["The beans need a pole.", "Two metres?", "Three: they are runner beans."])
    await ana.call("history_append", { session, role: "user", content });
  const { session: other } = (await bob.call("session_open", { title: "Bob's" })).data;
  await bob.call("history_append", { session: other, role: "user", content: "Bob likes beans." });
  return { ana: ana.at(ADDRESS), bob: bob.at(ADDRESS), session: session as string };
}

/** The one text of a result, which says what its data say. */
function document({ messages, data }: CallAnswer): Json {
  const { content } = messages.at(-1)!["result"] as Json;
  expect(content).toEqual([{ type: "text", text: expect.any(String) }]);
  expect(JSON.parse(content[0].text)).toEqual(data);
  return data;
}

describe.each(ERAS)("a program of the %s era", (era) => {
  it("finds messages of all sessions it may read, and fetches one by its id", async () => {
    const { ana, session } = await filled(era);
    const { results, ...rest } = document(await ana.call("search", { query: "runner beans" }));
    expect(rest).toEqual({});
    expect(results).toHaveLength(2);
    expect(results[0]).toEqual({
      id: `${session}#3`,
      title: expect.stringMatching(/^The garden, message 3: Three: they are runner beans\./),
      url: `holdfast://sessions/${session}/history?before=4`,
    });
    expect(document(await ana.call("fetch", { id: results[0].id }))).toEqual({
      id: `${session}#3`,
      title: "The garden, message 3",
      text: "#1 user: The beans need a pole.\n\n#2 user: Two metres?\n\n#3 user: Three: they are runner beans.",
      url: results[0].url,
      metadata: { session, role: "user", created_at: expect.stringMatching(/^\d{4}-.*Z$/) },
    });
    const cited = await ana.ask("resources/read", { uri: results[0].url });
    expect(cited.text).toContain("they are runner beans");
    expect(document(await ana.call("search", { query: "submarines" }))).toEqual({ results: [] });
  });

  it("fetches nothing that it may not read, and nothing that is not there", async () => {
    const { ana, bob, session } = await filled(era);
    await ana.call("history_delete", { session, seq: 2 });
    const wrong = [`${session}#2`, `${session}#9`, session, `${session}#`, "x#1", "", "#"];
    const answers = await Promise.all([
      bob.call("fetch", { id: `${session}#1` }),
      ...wrong.map((id) => ana.call("fetch", { id })),
    ]);
    for (const { isError, says } of answers) {
      expect(isError).toBe(true);
      expect(says).toMatch(/There is no message .*Pass the `id` of a result of search\./s);
    }
    await ana.call("session_share", { session, principal: "bob" });
    await bob.call("session_accept", { session });
    expect((await bob.call("fetch", { id: `${session}#1` })).isError).toBe(false);
  });
});

it("a long message is cut, and so is what stands around it", async () => {
  const { url } = await serveHere();
  const client = await connect("v2", { url: `${url}?tools=chatgpt` });
  expect(await client.toolNames()).toEqual(["search", "fetch"]); // from here on it checks outputs
  const { session } = (await client.call("session_open")).data;
  for (let n = 0; n < 12; n++)
    await client.call("history_append", { session, role: "user", content: "ü".repeat(100_000) });
  const { text } = (await client.call("fetch", { id: `${session}#6` })).data;
  expect(Buffer.byteLength(text as string)).toBeLessThan(62_000);
  expect((text as string).match(/^#\d+/gm)).toEqual(
    Array.from({ length: 11 }, (_, n) => `#${n + 1}`),
  );
});

it("somebody's own tool may have one of the two names, and then it is that one", async () => {
  const search = defineTool({
    name: "search",
    description: "For a test.",
    handler: () => "mine",
    session: "none",
  });
  const { url } = await serveHere({ tools: [search] });
  const listed = (await askModern(`${url}?tools=all`, "tools/list")).messages[0]!["result"];
  const found = (listed.tools as Json[]).filter(({ name }) => name === "search");
  expect(found).toMatchObject([{ description: "For a test." }]);
  expect(found[0]!["inputSchema"]).toEqual({ type: "object" });
  const client = await connect("v1", { url });
  expect((await client.call("search")).text).toBe("mine");
});

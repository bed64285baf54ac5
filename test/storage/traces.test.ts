// What a session, a message or a client has left in streams, outcomes and outboxes goes with it, at once.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { databaseFile } from "../../src/storage/admin.ts";
import { backUp } from "../../src/storage/sqlite/admin/backup.ts";
import { defineTool } from "../../src/tools/tool.ts";
import { findDamage, openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gate, serveHere } from "../support/here.ts";
import { listen } from "../support/listening.ts";
import { ERAS, type KeyedServer, type Person, serveWithKeys } from "../support/people.ts";
import { type RawClient, read, rpc } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

const WORD = "narwhal";
const KEYED = { _meta: { "holdfast/request-key": "once" } };

const openAs = async (person: Person): Promise<string> =>
  (await person.call("session_open")).data["session"] as string;

/** Tables whose rows hold the word. */
function holders(folder: string, word = WORD): string[] {
  const database = openDatabase(folder);
  const tables = database
    .prepare<[], string>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'",
    )
    .pluck()
    .all()
    .filter((table) => !table.startsWith("messages_fts"));
  return tables.filter((table) =>
    JSON.stringify(database.prepare(`SELECT * FROM "${table}"`).all()).includes(word),
  );
}

/** Says the word in every way that leaves something outside of the session. */
async function say(person: Person, session: string): Promise<void> {
  await person.call("history_append", { session, role: "user", content: `A ${WORD} swims.` });
  await person.call("chat", { session, prompt: `What does the ${WORD} do?` });
  await person.call("state_set", { session, key: "animal", value: WORD });
  const call = { name: "state_set", arguments: { session, key: WORD, value: 1 }, ...KEYED };
  await person.ask("tools/call", call);
  const asked = {
    name: "chat",
    arguments: { session, prompt: `Tell of the ${WORD}.`, request_key: "k" },
  };
  await person.ask("tools/call", asked);
}

describe.each(ERAS)("era of %s", (era) => {
  it("a session that is deleted leaves none of its words, nor does one that is cleared", async () => {
    const { person, folder } = await serveWithKeys();
    const [ana, bob] = [await person("ana", era), await person("bob", era)];
    const session = await openAs(ana);
    await ana.call("session_share", { session, principal: "bob", access: "write" });
    await bob.call("session_accept", { session });
    for (const clear of [true, false]) {
      await say(ana, session);
      await bob.call("chat", { session, prompt: `And the ${WORD}?` });
      expect(holders(folder)).toContain("messages");
      if (era === "2025") expect(holders(folder)).toContain("stream_events");
      await ana.call(clear ? "session_clear" : "session_delete", { session });
      expect(holders(folder)).toEqual([]);
    }
  });

  it("one that was opened by its call, or is the home, leaves none either", async () => {
    const { person, folder } = await serveWithKeys();
    const ana = await person("ana", era);
    const asked = await ana.call("chat", { prompt: `My ${WORD}.`, request_key: "a" });
    expect(holders(folder)).toContain("messages");
    await ana.call("session_delete", { session: asked.data["session"] });
    expect(holders(folder)).toEqual([]);
  });

  it("a message that is deleted leaves none", async () => {
    const { person, folder } = await serveWithKeys();
    const ana = await person("ana", era);
    const session = await openAs(ana);
    await ana.call("history_append", { session, role: "user", content: `A ${WORD}, "big".` });
    await ana.call("chat", { session, prompt: "big?", request_key: "k" });
    await ana.call("history_delete", { session, seqs: [1, 3] });
    expect(holders(folder)).toEqual([]);
  });
});

it("sessions that the cleanup deletes leave none", async () => {
  const { person, folder, app } = await serveWithKeys({ "max-age": "30d" });
  const ana = await person("ana", "2025");
  await say(ana, await openAs(ana));
  const database = openDatabase(folder, { readonly: false });
  database.exec("UPDATE sessions SET last_active_at = 1");
  await app.cleanup.run();
  expect(holders(folder)).toEqual([]);
});

/** A tool that answers with what the session's state holds, when it is told to. */
function telling() {
  const { wait, open } = gate();
  const tool = defineTool({
    ...{ name: "tell", description: "Tells later.", input: z.object({}) },
    async handler({ session, progress, closeStream }) {
      const value = await session.state.get<string>("animal");
      await progress(1, 2, value);
      closeStream();
      await wait;
      return `It was a ${value}.`;
    },
  });
  return { tool, open };
}

/** Begins `tell`, which ends its connection; resolves to the id to come back with. */
async function begin(folder: string, client: RawClient, session: string): Promise<string> {
  const params = { name: "tell", arguments: { session }, _meta: { progressToken: "p" } };
  const { text } = await read(await client.post(rpc("tools/call", params, 7)));
  await expect.poll(() => holders(folder)).toContain("stream_events");
  return /^id: (.*)$/m.exec(text)![1]!;
}

const comeBack = async (client: RawClient, eventId: string) =>
  read(
    await fetch(client.url, {
      headers: { ...client.headers, accept: "text/event-stream", "last-event-id": eventId },
    }),
  );

async function answered({ folder }: KeyedServer): Promise<void> {
  await expect.poll(() => rows(folder, "SELECT * FROM open_requests")).toEqual([]);
}

it("a call whose answer was deleted before it was fetched ends with a result that says so", async () => {
  const { tool, open } = telling();
  const server = await serveWithKeys({}, { tools: [tool] });
  const ana = await server.person("ana", "2025");
  const session = await openAs(ana);
  await ana.call("state_set", { session, key: "animal", value: WORD });
  const id = await begin(server.folder, ana.client!, session);
  open();
  await answered(server);
  await ana.call("session_delete", { session });
  expect(holders(server.folder)).toEqual([]);
  expect((await comeBack(ana.client!, id)).messages).toEqual([
    expect.objectContaining({
      id: 7,
      result: expect.objectContaining({
        isError: true,
        content: [{ type: "text", text: expect.stringContaining("was deleted") }],
      }),
    }),
  ]);
});

it("what a call had told goes with its session while it runs; its answer comes to whoever waits", async () => {
  const { tool, open } = telling();
  const server = await serveWithKeys({}, { tools: [tool] });
  const ana = await server.person("ana", "2025");
  const session = await openAs(ana);
  await ana.call("state_set", { session, key: "animal", value: WORD });
  const id = await begin(server.folder, ana.client!, session);
  await ana.call("session_clear", { session });
  expect(holders(server.folder)).toEqual([]);
  open();
  await answered(server);
  expect((await comeBack(ana.client!, id)).messages.at(-1)).toMatchObject({
    id: 7,
    result: { content: [{ text: `It was a ${WORD}.` }] },
  });
});

it("an answer that waits for its program stays when a message is deleted that it does not quote", async () => {
  const { tool, open } = telling();
  const server = await serveWithKeys({}, { tools: [tool] });
  const ana = await server.person("ana", "2025");
  const session = await openAs(ana);
  await ana.call("history_append", { session, role: "user", content: "something else" });
  await ana.call("state_set", { session, key: "animal", value: WORD });
  const id = await begin(server.folder, ana.client!, session);
  open();
  await answered(server);
  await ana.call("history_delete", { session, seqs: [1] });
  expect((await comeBack(ana.client!, id)).messages.at(-1)).toMatchObject({
    result: { content: [{ text: `It was a ${WORD}.` }] },
  });
});

describe("a client that ends", () => {
  it("by DELETE leaves nothing of its streams, subscriptions, outbox and introduction", async () => {
    const { person, folder } = await serveWithKeys();
    const [ana, other] = [await person("ana", "2025"), await person("ana")];
    const session = await openAs(other);
    await ana.ask("resources/subscribe", { uri: `holdfast://sessions/${session}/state/${WORD}` });
    await other.call("state_set", { session, key: WORD, value: 1 });
    await other.call("history_append", { session, role: "user", content: `A ${WORD} swims.` });
    await ana.call("chat", { session, prompt: `The ${WORD}?` });
    expect(holders(folder)).toEqual(
      expect.arrayContaining(["subscriptions", "outbox", "stream_events"]),
    );
    await ana.client!.end();
    for (const table of ["streams", "stream_events", "stream_sessions", "subscriptions", "outbox"])
      expect(rows(folder, `SELECT * FROM ${table}`)).toEqual([]);
    expect(rows(folder, "SELECT initialize, capabilities FROM clients")).toEqual([
      { initialize: "{}", capabilities: "{}" },
    ]);
  });

  it("with its listening stream leaves no subscription", async () => {
    const { url, folder } = await serveHere();
    const stream = await listen(url, { resourceSubscriptions: ["holdfast://sessions"] });
    await stream.next();
    const subscribed = () => rows(folder, "SELECT uri FROM subscriptions");
    expect(subscribed()).toHaveLength(1);
    stream.leave();
    await expect.poll(subscribed).toEqual([]);
  });
});

it.each(["session_delete", "session_clear", "history_delete"])(
  "a backup made right after %s holds nothing of what was deleted",
  async (tool) => {
    const { person, folder } = await serveWithKeys();
    const ana = await person("ana", "2025");
    const session = await openAs(ana);
    const kept = await openAs(ana);
    await ana.call("history_append", { session: kept, role: "user", content: "A walrus rests." });
    const long = `${"x ".repeat(3_000)}${WORD}`; // on pages of its own
    for (const content of [`A ${WORD} swims.`, long])
      await ana.call("history_append", { session, role: "user", content });
    if (tool !== "history_delete") await say(ana, session);
    const seqs = tool === "history_delete" ? { seqs: [1, 2] } : {};
    expect((await ana.call(tool, { session, ...seqs })).isError).toBe(false);
    const target = join(temporaryFolder(), "copy.db");
    await backUp({ source: databaseFile(folder), target });
    expect(readFileSync(target).toString("latin1").toLowerCase()).not.toContain(WORD);
    const copy = new Database(target);
    onTestFinished(() => void copy.close());
    copy.exec("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, messages_fts, row)");
    const words = copy.prepare("SELECT term FROM words").pluck().all();
    expect(words).toContain("walru"); // its stem
    expect(words).not.toContain(WORD);
    expect(findDamage(copy)).toEqual([]);
  },
);

it("a backup holds nothing of a large session that was deleted, though its rows go afterwards", async () => {
  const { person, folder } = await serveWithKeys();
  const ana = await person("ana");
  const session = await openAs(ana);
  await ana.call("session_update", { session, title: WORD });
  openDatabase(folder, { readonly: false })
    .prepare(
      `WITH RECURSIVE n(seq) AS (VALUES (1) UNION ALL SELECT seq + 1 FROM n LIMIT 1200)
        INSERT INTO messages (session_id, seq, role, content, status, created_at)
        SELECT ?, seq, 'user', '${WORD}', 'complete', 1 FROM n`,
    )
    .run(session);
  await ana.call("session_delete", { session });
  const target = join(temporaryFolder(), "copy.db");
  await backUp({ source: databaseFile(folder), target });
  expect(readFileSync(target).toString("latin1").toLowerCase()).not.toContain(WORD);
});

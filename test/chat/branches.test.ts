// Conversations that take another way: a copy up to some message, the last question asked again; and how a conversation
// that nobody has named is called.
import { describe, expect, it } from "vitest";
import { titleOf } from "../../src/chat/title.ts";
import { connect, type TestClient, VERSIONS } from "../support/clients.ts";
import { findDamage, openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gate, serveHere } from "../support/here.ts";
import { breaksOff, isSilent, refuses, says, startModel } from "../support/model-server.ts";
import { answerOf, KINDS, ownModel } from "../support/own-model.ts";
import { ERAS, serveWithKeys } from "../support/people.ts";
import { startServer } from "../support/process.ts";
import { codeOf } from "../support/raw.ts";
import { rows } from "../support/rows.ts";
import { sharedSession } from "../support/shared-session.ts";

type Line = [seq: number, role: string, content: string];

const history = async (client: TestClient, session: string): Promise<Line[]> =>
  (await client.call("history_get", { session })).data["messages"].map(
    ({ seq, role, content }: { seq: number; role: string; content: string }) => [
      ...[seq, role, content],
    ],
  );

/** A session with two turns and some state. */
async function conversation(client: TestClient): Promise<string> {
  const { session } = (await client.call("session_open", { title: "Garden", system: "Be kind." }))
    .data;
  for (const [role, content] of [
    ["user", "Do beans climb?"],
    ["assistant", "They do."],
    ["user", "And peas?"],
    ["assistant", "Peas too."],
  ])
    await client.call("history_append", { session, role, content });
  await client.call("state_set", { session, key: "bed", value: { m: 3 } });
  return session as string;
}

describe.each(VERSIONS)("session_fork by the %s client", (version) => {
  it("copies history and state up to a message, and leaves the session as it is", async () => {
    const client = await connect(version, await serveHere());
    const session = await conversation(client);
    const before = await history(client, session);
    const whole = (await client.call("session_fork", { session })).data;
    const part = (await client.call("session_fork", { session, upto: 2 })).data;
    for (const { session: id, forked_from, title } of [whole, part]) {
      expect(id).not.toBe(session);
      expect([forked_from, title]).toEqual([session, "Garden (fork)"]);
    }
    expect(await history(client, whole.session)).toEqual(before);
    expect(await history(client, part.session)).toEqual(before.slice(0, 2));
    await client.call("history_append", { session: part.session, role: "user", content: "Why?" });
    await client.call("state_set", { session: part.session, key: "bed", value: 0 });
    expect((await history(client, part.session)).at(-1)).toEqual([3, "user", "Why?"]);
    expect(await history(client, session)).toEqual(before);
    const bed = await client.call("state_get", { session, key: "bed" });
    expect(bed.data).toMatchObject({ value: { m: 3 }, version: 1 });
    const info = (await client.call("session_info", { session: part.session })).data;
    expect(info).toMatchObject({ system: "Be kind.", pinned: false, name: null });
    const found = await client.call("history_search", { session: whole.session, query: "peas" });
    expect(found.data["hits"]).toHaveLength(2);
  });

  it("says what it cannot copy", async () => {
    const client = await connect(version, await serveHere());
    const session = await conversation(client);
    const beyond = await client.call("session_fork", { session, upto: 5 });
    expect([beyond.isError, beyond.text]).toEqual([true, "upto: the last message is #4."]);
    expect((await client.call("session_fork", { session, upto: 0 })).isError).toBe(true);
    const { sessions } = (await client.call("session_list")).data;
    expect(sessions).toHaveLength(1);
  });
});

describe.each(ERAS)("session_fork in the era of %s", (era) => {
  it("gives a reader a session of its own, and a stranger nothing", async () => {
    const { person, folder } = await serveWithKeys({ "max-sessions": 2 });
    const session = await sharedSession(await person("ana", era));
    const [rita, sven] = [await person("rita", era), await person("sven", era)];
    const { data } = await rita.call("session_fork", { session });
    const info = await rita.call("session_info", { session: data["session"] });
    expect(info.data).toMatchObject({ owner: "rita", access: "own", shared_with: [] });
    expect(codeOf(await sven.call("session_fork", { session }))).toBe("not_found");
    expect((await (await person("rita", era, "read")).call("session_fork", { session })).status) //
      .toBe(403);
    await rita.call("session_fork", { session });
    expect(codeOf(await rita.call("session_fork", { session }))).toBe("limit");
    const owners = rows(folder, "SELECT owner, count(*) AS n FROM sessions GROUP BY owner");
    expect(owners).toEqual([
      { owner: "ana", n: 1 },
      { owner: "rita", n: 2 },
    ]);
    const noted =
      "SELECT detail FROM audit WHERE principal = 'rita' AND action = 'session created'";
    expect(rows(folder, noted)[0]).toEqual({ detail: `forked from ${session}` });
  });
});

/** A client of a server with a scripted model. */
async function chatting(version: (typeof VERSIONS)[number] = "v2") {
  const model = await startModel();
  const here = await serveHere({ config: { "model-url": model.url, model: "scripted-1" } });
  const client = await connect(version, here);
  const { session } = (await client.call("session_open")).data;
  const chat = async (tool: string, args: object = {}) => client.call(tool, { session, ...args });
  return { model, here, client, session: session as string, chat };
}

describe.each(VERSIONS)("chat_retry by the %s client", (version) => {
  it("asks the last question again, in the same or other words, and replaces what followed", async () => {
    const { model, here, client, session, chat } = await chatting(version);
    model.reply = () => says("first");
    await chat("chat", { prompt: "One?" });
    await chat("chat", { prompt: "Two?" });
    model.reply = () => says("better");
    const same = await chat("chat_retry");
    expect(same.data).toMatchObject({ text: "better", question_seq: 3, answer_seq: 4 });
    const asked = () => model.calls.at(-1)!.messages.map(({ content }) => content);
    expect(asked()).toEqual(["One?", "first", "Two?"]);
    await client.call("history_append", { session, role: "tool", content: "a note" });
    model.reply = () => says("other");
    expect((await chat("chat_retry", { prompt: "Three?" })).data["question_seq"]).toBe(3);
    expect(asked()).toEqual(["One?", "first", "Three?"]);
    expect(await history(client, session)).toEqual([
      [1, "user", "One?"],
      [2, "assistant", "first"],
      [3, "user", "Three?"],
      [4, "assistant", "other"],
    ]);
    expect((await client.call("history_search", { session, query: "two note" })).data["hits"]) //
      .toEqual([]);
    expect(findDamage(openDatabase(here.folder, { readonly: false }))).toEqual([]);
  });
});

describe("chat_retry", () => {
  it.each([
    ["that refuses", refuses(400, "no")],
    ["that breaks off", breaksOff("half")],
  ])("loses nothing to a model %s", async (_, script) => {
    const { model, client, session, chat } = await chatting();
    model.reply = () => says("kept");
    await chat("chat", { prompt: "One?" });
    const before = (await client.call("history_get", { session })).data["messages"];
    model.reply = () => script;
    expect((await chat("chat_retry", { prompt: "Other?" })).isError).toBe(true);
    expect((await client.call("history_get", { session })).data["messages"]).toEqual(before);
    model.reply = () => says("new");
    expect((await chat("chat_retry")).data["text"]).toBe("new");
  });

  it("loses nothing to a SIGKILL", async () => {
    const model = await startModel();
    const folder = temporaryFolder();
    const args = ["--model-url", model.url, "--model", "scripted-1"];
    const server = await startServer({ folder, args });
    const client = await connect("auto", server);
    const { session } = (await client.call("session_open")).data;
    model.reply = () => says("kept");
    await client.call("chat", { session, prompt: "One?" });
    const asked = model.calls.length;
    model.reply = () => isSilent;
    const lost = client.call("chat_retry", { session }).catch(() => undefined);
    await expect.poll(() => model.calls.length).toBe(asked + 1);
    await server.kill();
    await lost;
    const again = await connect("auto", await startServer({ folder, args }));
    expect(await history(again, session)).toEqual([
      [1, "user", "One?"],
      [2, "assistant", "kept"],
    ]);
    model.reply = () => says("new");
    expect((await again.call("chat_retry", { session })).data["text"]).toBe("new");
  });

  it("leaves alone what somebody adds while it is being answered", async () => {
    const { model, client, session, chat } = await chatting();
    model.reply = () => says("kept");
    await chat("chat", { prompt: "One?" });
    const { wait, open } = gate();
    model.reply = () => says("late", wait);
    const asked = model.calls.length;
    const retry = chat("chat_retry");
    await expect.poll(() => model.calls.length).toBe(asked + 1);
    await client.call("history_append", { session, role: "tool", content: "a note" });
    open();
    const answer = await retry;
    expect([answer.isError, answer.text]).toEqual([true, expect.stringContaining("went on")]);
    expect(await history(client, session)).toEqual([
      [1, "user", "One?"],
      [2, "assistant", "kept"],
      [3, "tool", "a note"],
    ]);
  });

  it("says so where nothing was asked", async () => {
    const { chat } = await chatting();
    const answer = await chat("chat_retry");
    expect([answer.isError, answer.text]).toEqual([
      true,
      expect.stringContaining("Nothing has been asked in this session yet."),
    ]);
  });

  it("with a request key is done once", async () => {
    const { model, client, session, chat } = await chatting();
    model.reply = () => says("first");
    await chat("chat", { prompt: "One?" });
    model.reply = () => says("second");
    const retry = () => chat("chat_retry", { request_key: "k" });
    const [one, two] = [await retry(), await retry()];
    expect(one.data).toEqual(two.data);
    expect(model.calls).toHaveLength(2);
    expect(await history(client, session)).toHaveLength(2);
  });

  it.each(KINDS)("asks the %s client's own model, which sees what was before", async (kind) => {
    const { url } = await serveHere();
    let n = 0;
    const client = await ownModel(kind, url, { answer: () => answerOf(`answer ${++n}`) });
    const { session } = (await client.call("session_open"))["structuredContent"];
    await client.call("chat", { session, prompt: "One?" });
    await client.call("chat", { session, prompt: "Two?" });
    const again = await client.call("chat_retry", { session, prompt: "Three?" });
    expect(again["structuredContent"]).toMatchObject({ text: "answer 3", answer_seq: 4 });
    const shown = client.sampled[2]!["messages"].map(
      ({ content }: { content: { text: string } }) => content.text,
    );
    expect(shown).toEqual(["One?", "answer 1", "Three?"]);
  });
});

describe("a session without a title", () => {
  it.each(VERSIONS)("is called by its first question, for the %s client", async (version) => {
    const { url } = await serveHere();
    const client = await connect(version, { url });
    const titles = async () =>
      (await client.call("session_list")).data["sessions"].map(
        ({ title }: { title: string | null }) => title,
      );
    const first = (await client.call("session_open")).data["session"];
    await client.call("chat", { session: first, prompt: "  Which bean\n\nclimbs  best? " });
    await client.call("chat", { session: first, prompt: "And why?" });
    expect(await titles()).toEqual(["Which bean climbs best?"]);
    const second = (await client.call("session_open")).data["session"];
    const say = (role: string, content: string) =>
      client.call("history_append", { session: second, role, content });
    await say("system", "Be brief.");
    await say("user", "Peas?");
    expect(await titles()).toEqual(["Peas?", "Which bean climbs best?"]);
    await client.call("session_update", { session: second, title: "Mine" });
    const named = (await client.call("session_open", { name: "work" })).data["session"];
    await client.call("chat", { session: named, prompt: "Hello" });
    expect(await titles()).toEqual([null, "Mine", "Which bean climbs best?"]);
  });

  it.each([
    ["short", "short"],
    ["word ".repeat(30), `${"word ".repeat(12).trim().slice(0, 59)}…`],
    ["海".repeat(70), `${"海".repeat(60)}…`],
    ["😀".repeat(70), `${"😀".repeat(60)}…`],
    ["\u0007\u200b \n", undefined],
  ])("gets a title that is one short line: %j", (text, title) => {
    expect(titleOf(text)).toBe(title);
  });
});

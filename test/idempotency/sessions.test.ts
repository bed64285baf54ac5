// Request keys and sessions: whose a key is while there is no session yet, and what becomes of it when one is cleared.
import { describe, expect, it } from "vitest";
import { serveHere } from "../support/here.ts";
import { eras, keyed, withKey } from "../support/keyed.ts";
import { refuses, startModel } from "../support/model-server.ts";
import { callModern } from "../support/modern.ts";
import { answerOf } from "../support/own-model.ts";
import { calling, introduce, type Json, type RawClient } from "../support/raw.ts";
import { rows, transcript } from "../support/rows.ts";

const append = (content: string) => ({ role: "user", content });

for (const [era, join] of Object.entries(eras)) {
  it(`in the ${era} era session_clear that is repeated with its key clears nothing again`, async () => {
    const { url, folder } = await serveHere();
    const { call } = await join(url);
    for (const what of ["history", "state", "all"]) {
      await call("history_append", append("old"));
      await call("state_set", { key: "a", value: "old" });
      const cleared = await call("session_clear", { what }, what);
      expect(cleared).toMatchObject({ isError: false, data: { cleared: what } });
      await call("history_append", append(`after ${what}`));
      await call("state_set", { key: "a", value: `after ${what}` });
      expect((await call("session_clear", { what }, what)).data).toEqual(cleared.data);
      expect(transcript(folder).at(-1)).toContain(`after ${what}`);
      expect((await call("state_get", { key: "a" })).data).toMatchObject({
        value: `after ${what}`,
      });
    }
  });
}

for (const [era, join] of Object.entries(eras)) {
  it(`in the ${era} era session_delete that is repeated with its key gives the first outcome`, async () => {
    const { url, folder } = await serveHere();
    for (const count of [1, 120]) {
      const { session } = (await callModern(url, "session_open", { title: "doomed" })).data;
      const { call } = await join(url, session as string);
      await Promise.all(Array.from({ length: count }, () => call("history_append", append("old"))));
      const deleted = await call("session_delete", {}, "k");
      expect(deleted).toMatchObject({ isError: false, data: { deleted: true, session } });
      expect(await call("session_delete", {}, "k")).toMatchObject({
        ...{ isError: false, says: deleted.says, data: deleted.data },
      });
      expect((await call("session_delete", {}, "another key")).isError).toBe(true);
    }
    await expect.poll(() => transcript(folder)).toEqual([]);
  });
}

it("a repeated deletion by name leaves the next session of that name alone", async () => {
  const { url, folder } = await serveHere();
  const remove = () => callModern(`${url}?name=work`, "session_delete", {}, withKey("k"));
  const open = () => callModern(url, "session_open", { name: "work" });
  const first = (await open()).data["session"];
  expect(await remove()).toMatchObject({ data: { deleted: true, session: first } });
  const second = (await open()).data["session"];
  expect(await remove()).toMatchObject({ data: { deleted: true, session: first } });
  expect(rows(folder, "SELECT id FROM sessions")).toEqual([{ id: second }]);
});

describe("a 2025 client's key for session_open", () => {
  const open = async (client: RawClient, args: object = {}) => {
    const params = { name: "session_open", arguments: args, _meta: keyed("k-1") };
    return calling(await client.ask("tools/call", params)).data;
  };

  it("is its own: another client's is another call", async () => {
    const { url } = await serveHere();
    const [one, two] = [await introduce(url), await introduce(url)];
    const first = await open(one);
    const second = await open(two, { title: "Another" });
    expect(second).toMatchObject({ created: true, title: "Another" });
    expect(second["session"]).not.toBe(first["session"]);
    expect(await open(one)).toEqual(first);
  });

  it("holds when its own session comes into being in between", async () => {
    const { url, folder } = await serveHere();
    const client = await introduce(url);
    const first = await open(client);
    const { session } = (await client.call("history_append", append("One"))).data;
    expect(session).toBe(await client.session());
    expect(await open(client)).toEqual(first);
    expect(rows(folder, "SELECT id FROM sessions")).toHaveLength(2);
  });
});

describe("a 2026 call that names no session", () => {
  it("stays in one session when its model fails and it is repeated with its key", async () => {
    const model = await startModel();
    const config = { "model-url": model.url, model: "scripted-1" };
    const { url, folder } = await serveHere({ config });
    const chat = () => callModern(url, "chat", { prompt: "One", request_key: "k-1" });
    for (const _ of [1, 2]) {
      model.next(refuses(400, "No."));
      expect((await chat()).isError).toBe(true);
    }
    const answer = await chat();
    expect(answer).toMatchObject({ isError: false, says: "Answer to: One" });
    expect((await chat()).data).toEqual(answer.data);
    expect(rows(folder, "SELECT id FROM sessions")).toEqual([{ id: answer.data["session"] }]);
    expect(transcript(folder)).toEqual([
      "1 user complete One",
      "2 assistant complete Answer to: One",
    ]);
  });

  it("asks the caller's model once: begun anew when it is done, it gives the outcome", async () => {
    const { url, folder } = await serveHere();
    const chat = (rounds: object = {}) =>
      callModern(
        url,
        "chat",
        { prompt: "One", request_key: "k-1" },
        { capabilities: { sampling: {} }, rounds },
      );
    const asked = (await chat()).messages[0]!["result"] as Json;
    const { requestState } = asked;
    const inputResponses = { answer: answerOf("mine") };
    const answer = await chat({ requestState, inputResponses });
    expect(answer.data).toMatchObject({ text: "mine", answer_seq: 2 });
    expect((await chat()).data).toEqual(answer.data);
    expect(rows(folder, "SELECT id FROM sessions")).toEqual([{ id: answer.data["session"] }]);
    expect(transcript(folder)).toHaveLength(2);
  });

  it("is asked in one session, however often it is begun before it is answered", async () => {
    const { url, folder } = await serveHere();
    const args = { prompt: "One", request_key: "k-1" };
    const options = { capabilities: { sampling: {} } };
    for (const _ of [1, 2, 3])
      expect((await callModern(url, "chat", args, options)).messages).toMatchObject([
        { result: { resultType: "input_required" } },
      ]);
    expect(rows(folder, "SELECT id FROM sessions")).toHaveLength(1);
  });

  it("is done anew when the history of the session that it opened was cleared", async () => {
    const { url, folder } = await serveHere();
    const call = () => callModern(url, "history_append", { ...append("One"), request_key: "k-1" });
    const { session } = (await call()).data;
    expect((await call()).data).toMatchObject({ session, seq: 1 });
    await callModern(url, "session_clear", { session });
    expect(transcript(folder)).toEqual([]);
    const again = await call();
    expect(again).toMatchObject({ isError: false, data: { seq: 1 } });
    expect(transcript(folder)).toEqual(["1 user complete One"]);
  });
});

// A call with a request key is done once, however often it is repeated: the same in both eras, for every tool.
import { acceptedContent, inputRequired } from "@modelcontextprotocol/server";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { serveHere } from "../support/here.ts";
import { eras, keyed, type KeyedCaller, withKey, Worker } from "../support/keyed.ts";
import { refuses, startModel } from "../support/model-server.ts";
import { callModern, modernRequest, postModern } from "../support/modern.ts";
import { codeOf } from "../support/raw.ts";
import { rows, transcript } from "../support/rows.ts";

async function scene() {
  const worker = new Worker();
  const model = await startModel();
  const config = { "model-url": model.url, model: "scripted-1" };
  const tools = [worker.tool("work"), worker.tool("toil")];
  return { worker, model, ...(await serveHere({ tools, config })) };
}

/** A scene whose tools do not wait. */
async function quickScene() {
  const made = await scene();
  made.worker.letGo();
  return made;
}

const append = (content: string) => ({ role: "user", content });
const contents = async ({ call }: KeyedCaller) =>
  ((await call("history_get")).data["messages"] as { content: string }[]).map((m) => m.content);

for (const [era, join] of Object.entries(eras)) {
  describe(`in the ${era} era a repeated call`, () => {
    it("of chat is asked once and answered alike, by argument and by _meta", async () => {
      const { url, model, folder } = await quickScene();
      const { call } = await join(url);
      const first = await call("chat", { prompt: "One", request_key: "k-1" });
      expect(first).toMatchObject({ isError: false, says: "Answer to: One" });
      const again = await call("chat", { prompt: "One", request_key: "k-1" });
      const byMeta = await call("chat", { prompt: "One" }, "k-1");
      for (const answer of [again, byMeta]) {
        expect(answer.data).toEqual(first.data);
        expect(answer.says).toBe(first.says);
      }
      expect(model.calls).toHaveLength(1);
      expect(transcript(folder)).toHaveLength(2);
    });

    it("of history_append is stored once, by argument and by _meta", async () => {
      const caller = await join((await quickScene()).url);
      const { call } = caller;
      const first = await call("history_append", append("One"), "k-1");
      expect(first.data).toMatchObject({ seq: 1, session: caller.session });
      for (const answer of [
        await call("history_append", append("One"), "k-1"),
        await call("history_append", { ...append("One"), request_key: "k-1" }),
      ])
        expect(answer.data).toEqual(first.data);
      expect((await call("history_append", append("One"), "k-2")).data["seq"]).toBe(2);
      expect(await contents(caller)).toEqual(["One", "One"]);
    });

    it("of any tool runs once, one at the same moment too", async () => {
      const { url, worker } = await scene();
      const { call } = await join(url);
      const both = [call("work", {}, "k-1"), call("work", {}, "k-1")];
      await worker.begun(1);
      worker.letGo();
      const [first, second] = await Promise.all(both);
      expect(first!.data).toMatchObject({ run: 1 });
      expect(second!.data).toEqual(first!.data);
      expect((await call("work", {}, "k-1")).data).toEqual(first!.data);
      expect((await call("work", {}, "k-2")).data).toMatchObject({ run: 2 });
      expect((await call("work")).data).toMatchObject({ run: 3 });
    });

    it("with other arguments, or of another tool, is a conflict that does nothing", async () => {
      const { url, worker } = await quickScene();
      const { call } = await join(url);
      await call("work", { task: "one" }, "k-1");
      for (const other of [
        await call("work", { task: "two" }, "k-1"),
        await call("toil", { task: "one" }, "k-1"),
        await call("history_append", { ...append("One"), request_key: "k-1" }),
      ]) {
        expect(other.isError).toBe(true);
        expect(codeOf(other)).toBe("conflict");
        expect(other.says).toContain("new key");
      }
      expect(worker.runs).toBe(1);
      expect((await call("work", { task: "one" }, "k-1")).data).toMatchObject({ run: 1 });
    });

    it("that failed is tried again", async () => {
      const { url, worker, model } = await quickScene();
      const { call } = await join(url);
      for (const run of [1, 2]) {
        expect((await call("work", { task: "fail" }, "k-1")).isError).toBe(true);
        expect(worker.runs).toBe(run);
      }
      model.next(refuses(400, "No."));
      const asked = { prompt: "One", request_key: "k-2" };
      expect((await call("chat", asked)).isError).toBe(true);
      expect(await call("chat", asked)).toMatchObject({ isError: false, says: "Answer to: One" });
    });

    it("of another session is another call", async () => {
      const { url, worker } = await quickScene();
      const [one, two] = [await join(url), await join(url)];
      expect((await one.call("work", {}, "k-1")).data).toMatchObject({ run: 1 });
      expect((await two.call("work", { task: "else" }, "k-1")).data).toMatchObject({ run: 2 });
      await one.call("history_append", append("One"), "k-2");
      expect((await two.call("history_append", append("Two"), "k-2")).data["seq"]).toBe(1);
      expect(await contents(two)).toEqual(["Two"]);
      expect(worker.runs).toBe(2);
    });

    it("with an empty key is a call without one", async () => {
      const { url, worker } = await quickScene();
      const caller = await join(url);
      for (const n of [1, 2]) {
        expect((await caller.call("work", { task: `${n}` }, "")).data).toMatchObject({ run: n });
        await caller.call("history_append", { ...append(`${n}`), request_key: "" });
      }
      expect(await contents(caller)).toEqual(["1", "2"]);
      expect(worker.runs).toBe(2);
    });

    it("has a key of at most 200 bytes, or an error that says so", async () => {
      const { url, worker } = await quickScene();
      const { call } = await join(url);
      const longest = "ü".repeat(100);
      expect((await call("work", {}, longest)).data).toMatchObject({ run: 1 });
      expect((await call("work", {}, longest)).data).toMatchObject({ run: 1 });
      for (const tooLong of [
        await call("work", {}, `${longest}x`),
        await call("chat", { prompt: "One", request_key: `${longest}x` }),
      ]) {
        expect(tooLong.isError).toBe(true);
        expect(codeOf(tooLong)).toBe("invalid");
        expect(tooLong.says).toMatch(/request_key is 201 bytes long; at most 200/);
      }
      const refused = (await call("work", {}, "k\0")).messages.at(-1); // at the door, no tool is asked
      expect(refused).toMatchObject({
        error: { code: -32602, message: expect.stringMatching("NUL") },
      });
      expect(worker.runs).toBe(1);
    });

    it("that only reads is answered anew, whatever its key", async () => {
      const { call } = await join((await quickScene()).url);
      await call("state_set", { key: "a", value: 1 }, "k-1");
      const get = async (key: string, requestKey: string) =>
        (await call("state_get", { key }, requestKey)).data;
      expect(await get("a", "k-1")).toMatchObject({ value: 1 });
      await call("state_set", { key: "a", value: 2 });
      expect(await get("a", "k-1")).toMatchObject({ value: 2 });
      expect(await get("b", "k-1")).toMatchObject({ found: false });
      expect(await get("a", "x".repeat(9_999))).toMatchObject({ value: 2 });
      await call("state_set", { key: "a", value: 1 }, "k-1"); // and that was done before
      expect(await get("a", "k-1")).toMatchObject({ value: 2 });
    });
  });
}

it("a call made in one era and repeated in the other is done once", async () => {
  const { url, worker } = await quickScene();
  const before = await eras["2025-11-25"]!(url);
  const first = await before.call("work", {}, "k-1");
  expect(first.data).toMatchObject({ run: 1 });
  const after = await eras["2026-07-28"]!(url, before.session);
  expect((await after.call("work", {}, "k-1")).data).toEqual(first.data);
  expect(worker.runs).toBe(1);
});

describe("a caller of the 2026-07-28 era", () => {
  const work = (session: string, task: string, meta: object = {}) =>
    modernRequest("tools/call", { name: "work", arguments: { session, task } }, { meta });

  it("whose connection breaks joins the run that goes on; without a key it is cancelled", async () => {
    const { url, worker } = await scene();
    const { session, call } = await eras["2026-07-28"]!(url);
    const [first, other] = [new AbortController(), new AbortController()];
    const broken = [
      postModern(url, work(session, "keyed", keyed("k-1")), { signal: first.signal }),
      postModern(url, work(session, "plain"), { signal: other.signal }),
    ];
    await worker.begun(2);
    first.abort();
    await expect(broken[0]).rejects.toThrow();
    other.abort();
    await expect(broken[1]).rejects.toThrow();
    await worker.gaveUp("plain");
    const again = call("work", { task: "keyed" }, "k-1");
    worker.letGo();
    expect(await again).toMatchObject({ isError: false, data: { run: expect.any(Number) } });
    expect(worker.runs).toBe(2);
    expect(worker.cancelled).toEqual(["plain"]);
  });

  it("is asked again when it repeats a round, and gets the outcome of the last round again", async () => {
    const schema = z.object({ ok: z.boolean() });
    const confirm = inputRequired.elicit({ message: "Sure?", requestedSchema: schema });
    let [asked, done] = [0, 0];
    const buy = defineTool({
      name: "buy",
      description: "Buys once it is confirmed.",
      handler({ inputResponses }) {
        if (acceptedContent(inputResponses, "confirm", schema)?.ok) return { bought: ++done };
        asked += 1;
        return inputRequired({ inputRequests: { confirm } });
      },
    });
    const { url } = await serveHere({ tools: [buy] });
    const { session } = await eras["2026-07-28"]!(url);
    const options = { ...withKey("k-1"), capabilities: { elicitation: { form: {} } } };
    const round = (rounds: object = {}) =>
      callModern(url, "buy", { session }, { ...options, rounds });
    const results = [await round(), await round()].map(({ messages }) => messages[0]!["result"]);
    for (const result of results)
      expect(result).toMatchObject({
        inputRequests: { confirm: { method: "elicitation/create" } },
      });
    expect(asked).toBe(2);
    const inputResponses = { confirm: { action: "accept", content: { ok: true } } };
    const { requestState } = results[1];
    const answered = { inputResponses, requestState };
    expect((await round(answered)).data).toMatchObject({ bought: 1 });
    expect((await round(answered)).data).toMatchObject({ bought: 1 });
    expect((await round()).data).toMatchObject({ bought: 1 });
    expect([asked, done]).toEqual([2, 1]);
  });

  it("that names no session opens one with its chat, however often it repeats it", async () => {
    const { url, model, folder } = await quickScene();
    const chat = () => callModern(url, "chat", { prompt: "One", request_key: "k-1" });
    const [first, second] = await Promise.all([chat(), chat()]);
    // Whichever of them opened the session tells so behind the answer.
    const says = expect.stringMatching(/^Answer to: One(\n|$)/) as string;
    expect(first).toMatchObject({ isError: false, says });
    expect(second.data).toEqual(first.data);
    expect((await chat()).data).toEqual(first.data);
    expect(rows(folder, "SELECT id FROM sessions")).toEqual([{ id: first.data["session"] }]);
    expect(model.calls).toHaveLength(1);
  });
});

// The contract of chat turns: one at a time in a session, the question kept whatever happens, the answer in one.
import { describe, expect, it } from "vitest";
import type { Principal } from "../../src/auth/principal.ts";
import type { Again } from "../../src/chat/ask.ts";
import type { Turn } from "../../src/chat/store.ts";
import { newId } from "../../src/lib/ids.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { failure, newInstance, newSession, type Open, type Opened, say } from "./engine.ts";

const ANSWER = { content: "42", model: "deep-thought", inputTokens: 7, outputTokens: 1 };

interface Asked {
  prompt?: string;
  requestKey?: string;
  by?: Principal;
  again?: Again;
}

/** Two processes and a session to ask in. */
async function setUp(opened: Opened) {
  const { storage } = opened;
  const [here, there] = [await newInstance(opened), await newInstance(opened)];
  const { id } = await newSession(storage);
  const ask = ({ prompt = "Why?", ...more }: Asked = {}, instanceId = here) =>
    storage.history.beginTurn(id, { instanceId, prompt, ...more });
  return {
    ...{ storage, here, there, id, ask, history: storage.history },
    /** Asks and expects to be let in. */
    async begin(asked: Asked = {}, instanceId = here): Promise<Turn> {
      const start = await ask(asked, instanceId);
      if (start.kind !== "started") throw new Error(`The turn is ${start.kind}.`);
      return start.turn;
    },
    messages: async () =>
      (await page(storage, id)).map(({ seq, role, content, status }) => [
        seq,
        role,
        content,
        status,
      ]),
  };
}

const page = async (storage: Storage, id: string) =>
  (await storage.history.page(id, { limit: 100 })).messages;

export function turnContract(open: Open): void {
  describe("a chat turn", () => {
    it("stores the question before, and the answer with what it cost", async () => {
      const { history, storage, id, begin, messages } = await setUp(await open());
      const turn = await begin();
      expect(turn).toMatchObject({ sessionId: id, question: { seq: 1, requestKey: null } });
      expect(await messages()).toEqual([[1, "user", "Why?", "pending"]]);
      const answer = await history.completeTurn(turn, ANSWER);
      expect(answer).toMatchObject({ seq: 2, role: "assistant", status: "complete", ...ANSWER });
      expect(await page(storage, id)).toMatchObject([
        { seq: 1, role: "user", content: "Why?", status: "complete" },
        answer,
      ]);
    });

    it("names who asked in question and answer, whoever asked it first", async () => {
      const { history, storage, id, begin } = await setUp(await open());
      for (const principal of ["bob", "eve"])
        await storage.sessions.grant(id, { principal, access: "write" }, 9);
      await history.failTurn(await begin({ by: { id: "ana" } }), "failed");
      await history.completeTurn(await begin({ by: { id: "bob" } }), ANSWER);
      const again = { seq: 1, content: "Why?" };
      const authors = async () => (await page(storage, id)).map(({ author }) => author);
      expect(await authors()).toEqual(["ana", "bob"]);
      await history.completeTurn(await begin({ by: { id: "eve" }, again }), ANSWER);
      expect(await authors()).toEqual(["eve", "eve"]);
    });

    it("keeps every other turn of its session out, from any process, and no other session's", async () => {
      const { history, storage, there, begin, ask, messages } = await setUp(await open());
      const turn = await begin({ requestKey: "r-1" });
      expect(await ask({ prompt: "Me too?" })).toEqual({ kind: "busy" });
      expect(await ask({ prompt: "Me too?" }, there)).toEqual({ kind: "busy" });
      expect(await ask({ requestKey: "r-1" })).toEqual({ kind: "busy" });
      expect(await messages()).toEqual([[1, "user", "Why?", "pending"]]);
      const other = await newSession(storage);
      expect(
        await history.beginTurn(other.id, { instanceId: there, prompt: "Elsewhere?" }),
      ).toMatchObject({ kind: "started" });
      await history.completeTurn(turn, ANSWER);
      expect(await ask({ prompt: "Me too?" }, there)).toMatchObject({
        kind: "started",
        turn: { question: { seq: 3 } },
      });
    });

    it("lets exactly one of many begin", async () => {
      const { ask, messages } = await setUp(await open());
      const race = await Promise.all(
        Array.from({ length: 10 }, (_, n) => ask({ prompt: `Question ${n}` })),
      );
      expect(race.map(({ kind }) => kind).toSorted()).toEqual([
        ...Array.from({ length: 9 }, () => "busy"),
        "started",
      ]);
      expect(await messages()).toHaveLength(1);
    });

    it("does not keep messages from being appended, and answers after them", async () => {
      const { history, storage, id, begin, messages } = await setUp(await open());
      const turn = await begin();
      await say(storage, id, "By the way.");
      await history.completeTurn(turn, ANSWER);
      expect(await messages()).toEqual([
        [1, "user", "Why?", "complete"],
        [2, "user", "By the way.", "complete"],
        [3, "assistant", "42", "complete"],
      ]);
    });

    it.each(["failed", "interrupted"] as const)(
      "that %s frees the session; the same question is taken up again, not stored twice",
      async (status) => {
        const { history, begin, messages, there } = await setUp(await open());
        await history.failTurn(await begin(), status);
        expect(await messages()).toEqual([[1, "user", "Why?", status]]);
        const again = await begin({}, there);
        expect(again.question.seq).toBe(1);
        expect(await messages()).toEqual([[1, "user", "Why?", "pending"]]);
        await history.completeTurn(again, ANSWER);
        expect(await messages()).toEqual([
          [1, "user", "Why?", "complete"],
          [2, "assistant", "42", "complete"],
        ]);
      },
    );

    it("of another question, or of the same one after something else was said, is a new one", async () => {
      const { history, storage, id, begin, messages } = await setUp(await open());
      await history.failTurn(await begin(), "failed");
      await history.failTurn(await begin({ prompt: "How?" }), "failed");
      await say(storage, id, "Really?");
      await history.failTurn(await begin({ prompt: "Really?" }), "failed"); // said before, not asked
      await history.completeTurn(await begin({ prompt: "How?" }), ANSWER);
      await begin({ prompt: "How?" }); // answered before: asked once more
      expect(await messages()).toEqual([
        [1, "user", "Why?", "failed"],
        [2, "user", "How?", "failed"],
        [3, "user", "Really?", "complete"],
        [4, "user", "Really?", "failed"],
        [5, "user", "How?", "complete"],
        [6, "assistant", "42", "complete"],
        [7, "user", "How?", "pending"],
      ]);
    });

    it("with a request key is answered from the store once it was answered", async () => {
      const { history, ask, begin, messages } = await setUp(await open());
      const turn = await begin({ requestKey: "r-1" });
      const answer = await history.completeTurn(turn, ANSWER);
      const stored = {
        kind: "answered",
        question: { ...turn.question, status: "complete" },
        answer,
      };
      expect(await ask({ requestKey: "r-1" })).toEqual(stored);
      const running = await begin({ prompt: "Another?" });
      expect(await ask({ requestKey: "r-1" })).toEqual(stored); // also while another is running
      await history.failTurn(running, "failed");
      expect(await messages()).toHaveLength(3);
    });

    it("with a request key is taken up again by that key, wherever it stands", async () => {
      const { history, storage, id, begin, messages } = await setUp(await open());
      await history.failTurn(await begin({ requestKey: "r-1" }), "failed");
      await say(storage, id, "Meanwhile.");
      const again = await begin({ requestKey: "r-1" });
      expect(again.question.seq).toBe(1);
      await history.completeTurn(again, ANSWER);
      expect(await messages()).toEqual([
        [1, "user", "Why?", "complete"],
        [2, "user", "Meanwhile.", "complete"],
        [3, "assistant", "42", "complete"],
      ]);
    });

    it.each([{}, { requestKey: "r-0" }])(
      "with a request key is asked once, also after the same question failed with %j",
      async (earlier) => {
        const { history, ask, begin, messages } = await setUp(await open());
        await history.failTurn(await begin(earlier), "failed");
        await history.completeTurn(await begin({ requestKey: "r-1" }), ANSWER);
        const before = await messages();
        expect(await ask({ requestKey: "r-1" })).toMatchObject({ kind: "answered" });
        expect(await messages()).toEqual(before);
      },
    );

    it("is refused with a request key that belongs to something else", async () => {
      const { history, id, ask, begin, messages } = await setUp(await open());
      await history.completeTurn(await begin({ requestKey: "r-1" }), ANSWER);
      const appended = { role: "user", content: "Said.", requestKey: "r-2" } as const;
      await history.append(id, appended);
      const before = await messages();
      const conflict = failure("conflict");
      await expect(ask({ prompt: "Else?", requestKey: "r-1" })).rejects.toMatchObject(conflict);
      await expect(ask({ prompt: "Else?", requestKey: "r-2" })).rejects.toMatchObject(conflict);
      await expect(ask({ prompt: "Said.", requestKey: "r-2" })).rejects.toMatchObject(conflict);
      expect(await messages()).toEqual(before);
      expect(await ask({ prompt: "Else?" })).toMatchObject({ kind: "started" }); // nothing is held
    });

    it("begins only where its answer has room too; one that is there already needs less", async () => {
      const { history, storage, id, ask, begin, messages } = await setUp(
        await open({ maxMessages: 4 }),
      );
      await say(storage, id, "One.");
      await history.checkRoom(id, { prompt: "Why?" });
      await history.failTurn(await begin(), "failed");
      await say(storage, id, "Two.");
      const limit = failure("limit");
      await expect(ask({ prompt: "Else?" })).rejects.toMatchObject(limit);
      await expect(history.checkRoom(id, { prompt: "Else?" })).rejects.toMatchObject(limit);
      expect(await messages()).toHaveLength(3);
      await say(storage, id, "Three.");
      await expect(history.checkRoom(id, { prompt: "Why?" })).rejects.toMatchObject(limit);
    });

    it("that failed last is asked again in the room that is left for its answer", async () => {
      const { history, id, ask, begin } = await setUp(await open({ maxMessages: 2 }));
      await history.failTurn(await begin({ requestKey: "r-1" }), "failed");
      await history.checkRoom(id, { prompt: "Why?" });
      await history.completeTurn(await begin({ requestKey: "r-1" }), ANSWER);
      await history.checkRoom(id, { prompt: "Why?", requestKey: "r-1" });
      expect(await ask({ requestKey: "r-1" })).toMatchObject({ kind: "answered" });
    });

    it("cannot begin in a session that is not there", async () => {
      const { history, here } = await setUp(await open());
      await expect(
        history.beginTurn(newId(), { instanceId: here, prompt: "Anybody?" }),
      ).rejects.toMatchObject(failure("not_found"));
    });

    it("that a dead process left becomes interrupted, and nobody else's does", async () => {
      const opened = await open();
      const { history, storage, here, there, ask, begin, messages } = await setUp(opened);
      await begin({}, there);
      const other = await newSession(storage);
      await history.beginTurn(other.id, { instanceId: here, prompt: "Mine." });
      expect(await storage.instances.remove(newId())).toBe(0);
      expect(await ask()).toEqual({ kind: "busy" });
      expect(await storage.instances.remove(there)).toBe(1);
      expect(await storage.instances.remove(there)).toBe(0);
      expect(await messages()).toEqual([[1, "user", "Why?", "interrupted"]]);
      expect(await page(storage, other.id)).toMatchObject([{ status: "pending" }]);
      expect((await begin()).question.seq).toBe(1);
    });

    it("is begun by a registered process only", async () => {
      const { storage, ask, there, messages } = await setUp(await open());
      await storage.instances.remove(there);
      expect(await ask({}, there)).toEqual({ kind: "unregistered" });
      expect(await messages()).toEqual([]);
      expect(await ask()).toMatchObject({ kind: "started" });
      expect(await ask({}, there)).toEqual({ kind: "busy" });
    });

    it("cannot be completed or failed twice, and leaves its state as it was", async () => {
      const { history, begin, messages } = await setUp(await open());
      const turn = await begin();
      await history.completeTurn(turn, ANSWER);
      const before = await messages();
      const conflict = failure("conflict");
      await expect(history.completeTurn(turn, ANSWER)).rejects.toMatchObject(conflict);
      await expect(history.failTurn(turn, "failed")).rejects.toMatchObject(conflict);
      expect(await messages()).toEqual(before);
    });

    it("that was cleared away stores no answer and does not end the next turn", async () => {
      const { history, storage, id, begin, ask, messages } = await setUp(await open());
      const lost = await begin();
      await storage.sessions.clear(id, "history");
      const conflict = failure("conflict");
      await expect(history.completeTurn(lost, ANSWER)).rejects.toMatchObject(conflict);
      expect(await messages()).toEqual([]);
      await begin({ prompt: "Next?" });
      await expect(history.completeTurn(lost, ANSWER)).rejects.toMatchObject(conflict);
      await expect(history.failTurn(lost, "failed")).rejects.toMatchObject(conflict);
      expect(await messages()).toEqual([[1, "user", "Next?", "pending"]]);
      expect(await ask()).toEqual({ kind: "busy" });
    });

    it("of a deleted session stores no answer", async () => {
      const { history, storage, id, begin, messages } = await setUp(await open());
      const lost = await begin();
      await storage.sessions.delete(id);
      await expect(history.completeTurn(lost, ANSWER)).rejects.toMatchObject(failure("conflict"));
      await newSession(storage, { id });
      await expect(history.completeTurn(lost, ANSWER)).rejects.toMatchObject(failure("conflict"));
      expect(await messages()).toEqual([]);
    });

    it("that was taken from a process held for dead cannot be ended by it once another has it", async () => {
      const { history, storage, here, there, begin, ask, messages } = await setUp(await open());
      const slow = await begin({}, there);
      await storage.instances.remove(there); // it was only asleep
      const taken = await begin({}, here);
      expect(taken.question.seq).toBe(slow.question.seq);
      await expect(history.completeTurn(slow, ANSWER)).rejects.toMatchObject(failure("conflict"));
      await expect(history.failTurn(slow, "failed")).rejects.toMatchObject(failure("conflict"));
      expect(await messages()).toEqual([[1, "user", "Why?", "pending"]]);
      expect(await ask({ prompt: "Else?" })).toEqual({ kind: "busy" });
      await history.completeTurn(taken, { ...ANSWER, content: "43" });
      expect(await messages()).toEqual([
        [1, "user", "Why?", "complete"],
        [2, "assistant", "43", "complete"],
      ]);
    });

    it("tells of a request key that an appended message has taken from its answer", async () => {
      const { history, id, begin, messages } = await setUp(await open());
      const turn = await begin({ requestKey: "r-1" });
      await history.append(id, { role: "assistant", content: "I say.", requestKey: "r-1" });
      await expect(history.completeTurn(turn, ANSWER)).rejects.toMatchObject(failure("conflict"));
      expect(await messages()).toEqual([
        [1, "user", "Why?", "pending"],
        [2, "assistant", "I say.", "complete"],
      ]);
    });
  });
}

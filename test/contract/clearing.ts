// The contract of clearing, deleting and giving away many messages: readers see the change at once, and rows follow in batches.
import { describe, expect, it } from "vitest";
import type { Turn } from "../../src/chat/store.ts";
import { titleOf } from "../../src/chat/title.ts";
import { newId } from "../../src/lib/ids.ts";
import type { Storage } from "../../src/storage/storage.ts";
import type { Content } from "../../src/transfer/store.ts";
import {
  ANA,
  BOB,
  failure,
  newInstance,
  newSession,
  type Open,
  type Opened,
  put,
  say,
} from "./engine.ts";

/** More than an engine deletes at once. */
const MANY = 250;

/** A session with many messages of a hundred bytes, each with its own request key. */
async function longSession({ storage, clock }: Opened): Promise<string> {
  const id = newId();
  const content = Array.from({ length: MANY }, (_, n): Content => ({
    type: "message",
    message: messageOf(n + 1),
  }));
  async function* pages(): AsyncGenerator<Content[]> {
    yield content;
  }
  const fields = {
    title: null,
    system: null,
    pinned: false,
    createdAt: 1,
    lastActiveAt: clock.now(),
  };
  await storage.transfer.restore({ id, owner: ANA, name: "long", ...fields }, pages(), 9);
  return id;
}

const messageOf = (seq: number) => ({
  ...({ seq, role: "user", status: "complete", createdAt: seq, author: ANA } as const),
  ...{ model: null, inputTokens: null, outputTokens: null, requestKey: `key ${seq}` },
  content: `seaweed ${seq}`.padEnd(100, "."),
});

/** Clears the history as a process does that is killed before the rows are gone, where one can. */
const leaveRows = async ({ run, storage }: Opened, id: string): Promise<void> =>
  run === undefined
    ? storage.sessions.clear(id, "history")
    : run(`INSERT INTO history_gaps (session_id, missing, last_seq, cleared_seq)
        VALUES ('${id}', ${MANY}, ${MANY}, ${MANY})`);

const found = async (storage: Storage, id: string): Promise<number[]> => {
  const options = { limit: 9, among: MANY };
  const both = await Promise.all([
    storage.history.search({ session: id }, "seaweed", options),
    storage.history.search({ principal: ANA }, "seaweed", options),
  ]);
  return both.map((hits) => hits.length);
};

const seqs = async (storage: Storage, id: string): Promise<number[]> =>
  (await storage.history.page(id, { limit: MANY })).messages.map(({ seq }) => seq);

export function clearingContract(open: Open): void {
  describe("a cleared history of many messages", () => {
    it("is empty for every reader, also while its rows are there", async () => {
      const opened = await open();
      const { storage } = opened;
      const id = await longSession(opened);
      await put(storage, id, "key");
      await leaveRows(opened, id);
      expect(await storage.history.page(id, { limit: 9 })).toEqual({ messages: [] });
      expect(await found(storage, id)).toEqual([0, 0]);
      expect(await storage.history.lastQuestion(id)).toBeUndefined();
      expect(await storage.sessions.counts(id)).toMatchObject({ messages: 0, stateKeys: 1 });
      expect(await storage.sessions.list(ANA, { limit: 9 })).toMatchObject({
        sessions: [{ id, messages: 0, opening: null, lastLine: null }],
      });
      const exported = await Array.fromAsync(storage.transfer.snapshot(id));
      expect(exported.map(({ type }) => type)).toEqual(["session", "state"]);
      expect(exported[0]).toMatchObject({ counts: { messages: 0, stateKeys: 1 } });
      expect(await storage.sessions.deleteMessages(id, [MANY])).toEqual([]);
    });

    it("takes new messages at once: with old request keys, and a title from the first question", async () => {
      const opened = await open();
      const { storage } = opened;
      const id = await longSession(opened);
      await storage.sessions.update(id, { name: null });
      await leaveRows(opened, id);
      const asked = {
        role: "user",
        content: "How do kelps hold on?",
        requestKey: "key 7",
      } as const;
      const { seq } = await storage.history.append(id, asked);
      expect(await storage.history.append(id, asked)).toMatchObject({ seq });
      expect(await seqs(storage, id)).toEqual([seq]);
      expect(await storage.sessions.counts(id)).toMatchObject({ messages: 1 });
      expect(await storage.sessions.findById(id)).toMatchObject({ title: asked.content });
      await storage.sessions.deleteExpired();
      expect(await seqs(storage, id)).toEqual([seq]);
      expect(await storage.sessions.deleteMessages(id, [seq])).toEqual([seq]);
      expect(await say(storage, id, "next")).toMatchObject({ seq: seq + 1 });
      expect(await storage.sessions.counts(id)).toMatchObject({ messages: 1 });
    });

    it("hides no message of another history from a search", async () => {
      const opened = await open();
      const { storage } = opened;
      const { id } = await newSession(storage);
      await say(storage, id, "seaweed and limpets");
      await leaveRows(opened, await longSession(opened));
      expect(await found(storage, id)).toEqual([1, 1]);
    });

    it("frees its room at once", async () => {
      const opened = await open({ maxHistoryBytes: MANY * 100 });
      const { storage } = opened;
      const id = await longSession(opened);
      await expect(say(storage, id, "one more")).rejects.toMatchObject(failure("limit"));
      await leaveRows(opened, id);
      await say(storage, id, "one more");
      const large = "x".repeat(MANY * 100);
      await expect(say(storage, id, large)).rejects.toMatchObject(failure("limit"));
    });

    it("loses its rows to the next cleanup, when a process was killed before; numbers begin anew", async () => {
      const opened = await open();
      const id = await longSession(opened);
      await leaveRows(opened, id);
      const next = (await opened.another?.()) ?? opened.storage;
      expect(await next.sessions.deleteExpired()).toBe(0);
      expect((await opened.rows?.())?.["messages"]).toBeUndefined();
      expect(await say(opened.storage, id, "first")).toMatchObject({ seq: 1 });
    });

    it("ends the question that is being answered, its summary, and its title", async () => {
      const opened = await open();
      const { storage, rows } = opened;
      const instanceId = await newInstance(opened);
      const id = await longSession(opened);
      await storage.sessions.update(id, { title: titleOf(messageOf(1).content)! });
      const begun = await storage.history.beginTurn(id, { instanceId, prompt: "Why?" });
      const { turn } = begun as { turn: Turn };
      await storage.history.saveSummary(turn, {
        ...{ uptoSeq: 9, leftOut: 0 },
        content: "seaweed",
        model: "m",
      });
      await storage.sessions.clear(id, "history");
      expect(await seqs(storage, id)).toEqual([]);
      expect(await storage.history.summary(id)).toBeUndefined();
      expect(await storage.sessions.findById(id)).toMatchObject({ title: null });
      await expect(
        storage.history.completeTurn(turn, { content: "So.", model: "m" }),
      ).rejects.toMatchObject(failure("conflict"));
      expect(await storage.history.beginTurn(id, { instanceId, prompt: "Anew?" })).toMatchObject({
        kind: "started",
      });
      await storage.sessions.purged();
      expect((await rows?.())?.["messages"] ?? 1).toBe(1);
    });

    it("is cleared again while its rows go, and deleted with its session", async () => {
      const opened = await open();
      const { storage, rows } = opened;
      const before = await rows?.();
      const id = await longSession(opened);
      await storage.sessions.clear(id, "all");
      await say(storage, id, "seaweed again");
      await storage.sessions.clear(id, "history");
      expect(await found(storage, id)).toEqual([0, 0]);
      await say(storage, id, "seaweed once more");
      expect(await found(storage, id)).toEqual([1, 1]);
      await storage.sessions.delete(id);
      await storage.sessions.purged();
      expect(await rows?.()).toEqual(before);
    });
  });

  describe("a session of many messages that is given away", () => {
    const foundBy = async ({ history }: Storage, principal: string, word: string) => {
      const found = await history.search({ principal }, word, { limit: 9, among: MANY });
      return found.map(({ message }) => message.seq);
    };

    it("is found by the new owner, to the last message, and not by the former one", async () => {
      const opened = await open();
      const { storage } = opened;
      const id = await longSession(opened);
      await storage.history.append(id, { role: "user", content: "limpets" });
      const given = storage.sessions.give(id, BOB, 9);
      const meanwhile = storage.history.append(id, { role: "user", content: "barnacles" });
      expect(await given).toMatchObject({ named: true, session: { owner: BOB } });
      const { seq } = await meanwhile;
      expect(await foundBy(storage, BOB, "limpets")).toEqual([MANY + 1]);
      expect(await foundBy(storage, BOB, "barnacles")).toEqual([seq]);
      expect(await foundBy(storage, BOB, "seaweed")).toHaveLength(9);
      for (const word of ["limpets", "barnacles", "seaweed"])
        expect(await foundBy(storage, ANA, word)).toEqual([]);
      await storage.sessions.give(id, ANA, 9);
      expect(await foundBy(storage, ANA, "limpets")).toEqual([MANY + 1]);
      expect(await foundBy(storage, BOB, "limpets")).toEqual([]);
    });

    it("stays as it is when the other has too many", async () => {
      const opened = await open();
      const { storage } = opened;
      const id = await longSession(opened);
      await newSession(storage, { owner: BOB });
      await expect(storage.sessions.give(id, BOB, 1)).rejects.toMatchObject(failure("limit"));
      expect(await foundBy(storage, ANA, "seaweed")).toHaveLength(9);
      expect(await foundBy(storage, BOB, "seaweed")).toEqual([]);
    });
  });

  describe("a deleted session of many messages", () => {
    it("is gone at once with its name, and its rows afterwards", async () => {
      const opened = await open();
      const { storage, rows } = opened;
      const before = await rows?.();
      const id = await longSession(opened);
      await put(storage, id, "key");
      await storage.sessions.delete(id);
      expect(await storage.sessions.findById(id)).toBeUndefined();
      expect(await storage.sessions.findByName(ANA, "long")).toBeUndefined();
      expect(await storage.sessions.total(ANA)).toBe(0);
      expect(await found(storage, id)).toEqual([0, 0]);
      await storage.sessions.purged();
      expect(await rows?.()).toEqual(before);
    });

    it("goes with the next cleanup when a process was killed before its rows were gone", async () => {
      const opened = await open();
      const { storage, rows, run } = opened;
      const before = await rows?.();
      const id = await longSession(opened);
      await run?.(`UPDATE sessions SET last_active_at = 0, name = NULL WHERE id = '${id}'`);
      if (run === undefined) await storage.sessions.delete(id);
      await storage.sessions.deleteExpired();
      expect(await rows?.()).toEqual(before);
    });
  });
}

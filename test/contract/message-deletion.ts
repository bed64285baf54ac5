// The contract of deleting single messages: the others keep their numbers, and nothing else keeps the words.
import { describe, expect, it } from "vitest";
import type { Turn } from "../../src/chat/store.ts";
import { newId } from "../../src/lib/ids.ts";
import type { Storage } from "../../src/storage/storage.ts";
import type { TransferRecord } from "../../src/transfer/store.ts";
import { ANA, failure, newInstance, newSession, type Open, say } from "./engine.ts";

const seqs = async (storage: Storage, id: string) =>
  (await storage.history.page(id, { limit: 99 })).messages.map(({ seq }) => seq);

async function saying(storage: Storage, count: number): Promise<string> {
  const { id } = await newSession(storage, { name: newId() });
  for (let n = 1; n <= count; n += 1) await say(storage, id, `word${n}`);
  return id;
}

export function messageDeletionContract(open: Open): void {
  describe("a deleted message", () => {
    it("is gone from page, count and search; the others keep their numbers, and none is given twice", async () => {
      const { storage } = await open();
      const [id, other] = [await saying(storage, 4), await saying(storage, 2)];
      expect(await storage.sessions.deleteMessages(id, [4, 2, 9, 2])).toEqual([2, 4]);
      expect(await storage.sessions.deleteMessages(id, [2])).toEqual([]);
      expect(await seqs(storage, id)).toEqual([1, 3]);
      expect(await storage.sessions.counts(id)).toMatchObject({ messages: 2 });
      const hits = await storage.history.search({ session: id }, "word2 word3", {
        ...{ limit: 9, among: 99 },
      });
      expect(hits.map(({ message }) => message.content)).toEqual(["word3"]);
      expect(await say(storage, id, "next")).toMatchObject({ seq: 5 });
      expect(await storage.sessions.counts(id)).toMatchObject({ messages: 3 });
      const { sessions } = await storage.sessions.list(ANA, { limit: 9 });
      const counts = new Map(sessions.map((session) => [session.id, session.messages]));
      expect([counts.get(id), counts.get(other)]).toEqual([3, 2]);
    });

    it("makes room for another one, and a cleared history begins with 1 again", async () => {
      const { storage } = await open({ maxMessages: 3 });
      const id = await saying(storage, 3);
      await storage.sessions.deleteMessages(id, [1]);
      expect(await say(storage, id, "more")).toMatchObject({ seq: 4 });
      await expect(say(storage, id, "too many")).rejects.toMatchObject(failure("limit"));
      await storage.sessions.clear(id, "history");
      expect(await say(storage, id, "anew")).toMatchObject({ seq: 1 });
      expect(await storage.sessions.counts(id)).toMatchObject({ messages: 1 });
    });

    it("takes the summary that covers it with it, and leaves one that ends before it", async () => {
      const opened = await open();
      const { storage } = opened;
      const id = await saying(storage, 4);
      const instanceId = await newInstance(opened);
      const start = await storage.history.beginTurn(id, { instanceId, prompt: "Why?" });
      const { turn } = start as { turn: Turn };
      const summary = { uptoSeq: 2, leftOut: 0, content: "word1 and word2", model: "m" };
      await storage.history.saveSummary(turn, summary);
      await expect(storage.sessions.deleteMessages(id, [1])).rejects.toMatchObject(failure("busy"));
      await storage.history.completeTurn(turn, { content: "So.", model: "m" });
      await storage.sessions.deleteMessages(id, [3]);
      expect(await storage.history.summary(id)).toMatchObject(summary);
      await storage.sessions.deleteMessages(id, [2, 4]);
      expect(await storage.history.summary(id)).toBeUndefined();
    });

    it("takes a title that was made of it with it, and no other title", async () => {
      const { storage } = await open();
      const [{ id: one }, { id: two }] = [
        await newSession(storage),
        await newSession(storage, { title: "Ana's own" }),
      ];
      for (const id of [one, two]) await say(storage, id, "The password is tulip");
      expect(await storage.sessions.findById(one)).toMatchObject({
        title: expect.stringContaining("tulip"),
      });
      for (const id of [one, two]) await storage.sessions.deleteMessages(id, [1]);
      expect(await storage.sessions.findById(one)).toMatchObject({ title: null });
      expect(await storage.sessions.findById(two)).toMatchObject({ title: "Ana's own" });
    });

    it("leaves the other half of its turn without the request key, so that the key asks anew", async () => {
      const opened = await open();
      const { storage } = opened;
      const { id } = await newSession(storage);
      const ask = { instanceId: await newInstance(opened), prompt: "Why?", requestKey: "k" };
      const first = (await storage.history.beginTurn(id, ask)) as { turn: Turn };
      await storage.history.completeTurn(first.turn, { content: "So.", model: "m" });
      await storage.sessions.deleteMessages(id, [2]);
      const again = await storage.history.beginTurn(id, ask);
      expect(again).toMatchObject({ kind: "started", turn: { question: { seq: 3 } } });
    });

    it("leaves gaps that a question asked again closes behind itself", async () => {
      const opened = await open();
      const { storage } = opened;
      const id = await saying(storage, 4);
      await storage.sessions.deleteMessages(id, [2, 4]);
      const again = { seq: 3, content: "word3" };
      const ask = { instanceId: await newInstance(opened), prompt: "word3, better", again };
      const { turn } = (await storage.history.beginTurn(id, ask)) as { turn: Turn };
      await storage.history.completeTurn(turn, { content: "So.", model: "m" });
      expect(await seqs(storage, id)).toEqual([1, 3, 4]);
      expect(await storage.sessions.counts(id)).toMatchObject({ messages: 3 });
    });

    it("stays a gap when the session is read whole and comes in elsewhere", async () => {
      const [here, there] = [(await open()).storage, (await open()).storage];
      const id = await saying(here, 5);
      await here.sessions.deleteMessages(id, [1, 2, 4]);
      const pieces = await Array.fromAsync(here.transfer.snapshot(id));
      const [first, ...content] = pieces as [
        TransferRecord & { type: "session" },
        ...TransferRecord[],
      ];
      expect(first).toMatchObject({ counts: { messages: 2 }, lastSeq: 5 });
      const pages = (async function* () {
        yield* await Promise.resolve(
          content.map((piece) => [piece as Exclude<TransferRecord, typeof first>]),
        );
      })();
      await there.transfer.restore(first.session, pages, 9);
      expect(await seqs(there, id)).toEqual([3, 5]);
      expect(await there.sessions.counts(id)).toMatchObject({ messages: 2 });
      expect(await say(there, id, "next")).toMatchObject({ seq: 6 });
    });
  });
}

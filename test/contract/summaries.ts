// The contract of the summaries that HistoryStore keeps.
import { describe, expect, it } from "vitest";
import type { Turn } from "../../src/chat/store.ts";
import { failure, newInstance, newSession, type Open, type Opened, say } from "./engine.ts";

const SUMMARY = { uptoSeq: 7, leftOut: 0, content: "Grüße 😀", model: "m" };

async function setUp(opened: Opened) {
  const { storage, clock, rows } = opened;
  const here = await newInstance(opened);
  const { id } = await newSession(storage);
  const start = await storage.history.beginTurn(id, { instanceId: here, prompt: "Why?" });
  const { turn } = start as { turn: Turn };
  return { ...{ storage, clock, rows, id, turn }, history: storage.history };
}

export function summaryContract(open: Open): void {
  describe("a summary", () => {
    it("is given back as it was saved, and the next one takes its place", async () => {
      const { history, storage, clock, id, turn } = await setUp(await open());
      expect(await history.summary(id)).toBeUndefined();
      const first = { ...SUMMARY, createdAt: clock.now() };
      expect(await history.saveSummary(turn, SUMMARY)).toEqual(first);
      expect(await history.summary(id)).toEqual(first);
      clock.advance(5);
      const next = { uptoSeq: 20, leftOut: 3, content: "More.", model: "n" };
      await history.saveSummary(turn, next);
      expect(await history.summary(id)).toEqual({ ...next, createdAt: clock.now() });
      const other = await newSession(storage);
      expect(await history.summary(other.id)).toBeUndefined();
    });

    it("goes with its history and with its session, not with the state", async () => {
      const { history, storage, id, turn, rows } = await setUp(await open());
      await history.saveSummary(turn, SUMMARY);
      await storage.sessions.clear(id, "state");
      expect(await history.summary(id)).toBeDefined();
      await storage.sessions.clear(id, "history");
      expect(await history.summary(id)).toBeUndefined();
      await say(storage, id, "Anew.");
      const again = await setUp({ ...(await open()) });
      await again.history.saveSummary(again.turn, SUMMARY);
      await again.storage.sessions.delete(again.id);
      expect(await again.history.summary(again.id)).toBeUndefined();
      if (again.rows) expect(await again.rows()).not.toHaveProperty("summaries");
      if (rows) expect(await rows()).not.toHaveProperty("summaries");
    });

    it("is not saved by a turn that has lost its session", async () => {
      const { history, storage, id, turn } = await setUp(await open());
      await storage.sessions.clear(id, "history");
      await expect(history.saveSummary(turn, SUMMARY)).rejects.toMatchObject(failure("conflict"));
      expect(await history.summary(id)).toBeUndefined();
      await storage.sessions.delete(id);
      await expect(history.saveSummary(turn, SUMMARY)).rejects.toMatchObject(failure("conflict"));
    });
  });
}

// The contract of StreamStore: the event log, its pruning, the outbox and expiry; requests.ts has the rest.
import { describe, expect, it } from "vitest";
import { EventBatch } from "../../src/events/event-batch.ts";
import type { RequestId, StreamEvent } from "../../src/events/store.ts";
import { newId } from "../../src/lib/ids.ts";
import {
  BOB,
  failure,
  GRACE,
  newClient,
  newInstance,
  newRequest,
  type Open,
  type Opened,
} from "./engine.ts";

/** Two clients and a process that serves them. */
export async function setUp(opened: Opened) {
  const { storage, clock } = opened;
  const [{ id: ana }, { id: bob }] = [
    await newClient(opened),
    await newClient(opened, { owner: BOB }),
  ];
  const here = await newInstance(opened);
  const { streams, subscriptions } = storage;
  return {
    ...{ storage, clock, streams, subscriptions, ana, bob, here },
    request: async (ids: RequestId[], clientId = ana, instanceId = here, posted = "a hash") => {
      const requests = ids.map((id) => newRequest(id));
      return (await streams.openRequests(clientId, instanceId, requests, posted)).id;
    },
    /** Ids of the requests that no living process works on. */
    orphaned: async () => (await streams.orphans()).map(({ id }) => id),
    log: async (streamId: string) => {
      const all: StreamEvent[] = [];
      for (;;) {
        const next = await streams.events(streamId, all.at(-1)?.seq ?? 0);
        if (next.length === 0) return all.map(({ seq, data }) => [seq, data]);
        all.push(...next);
      }
    },
  };
}

export function streamsContract(open: Open): void {
  describe("streams", () => {
    it("are empty when they are opened, and found by their client and by nobody else", async () => {
      const { streams, request, ana, bob } = await setUp(await open());
      const empty = { lastSeq: 0, prunedSeq: 0, finishedAt: null };
      const standalone = await streams.openStandalone(ana);
      expect(standalone).toMatchObject({ kind: "standalone", ...empty });
      expect(await streams.find(ana, standalone.id)).toEqual(standalone);
      const id = await request([1]);
      expect(id).not.toBe(standalone.id);
      expect(await streams.find(ana, id)).toMatchObject({ id, kind: "request", ...empty });
      expect(await streams.find(bob, id)).toBeUndefined();
      expect(await streams.find(ana, newId())).toBeUndefined();
    });

    it("have a public id that does not count them, and that only their client finds them by", async () => {
      const { streams, ana, bob } = await setUp(await open());
      const opened = [];
      for (let n = 0; n < 12; n++) opened.push(await streams.openStandalone(n % 2 ? ana : bob));
      const ids = opened.map(({ publicId }) => publicId);
      for (const id of ids) expect(id).toMatch(/^[1-9]\d{0,14}$/);
      expect(ids).not.toEqual(ids.toSorted((a, b) => Number(a) - Number(b)));
      const [his, hers] = opened;
      expect(await streams.findPublic(ana, hers!.publicId)).toEqual(hers);
      expect(await streams.findPublic(ana, his!.publicId)).toBeUndefined();
      expect(await streams.findPublic(ana, hers!.id)).toBeUndefined(); // nor do they find out how many there are
    });

    it("number their events 1, 2, 3 … each on its own, also when many come at once", async () => {
      const { streams, ana, log } = await setUp(await open());
      const [one, two] = [await streams.openStandalone(ana), await streams.openStandalone(ana)];
      const seqs = await Promise.all(
        Array.from({ length: 20 }, (_, n) => streams.append(one.id, `"ü😀 ${n}"`, 99)),
      );
      expect(seqs).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
      expect(await streams.append(two.id, '"first"', 99)).toBe(1);
      expect(await log(one.id)).toEqual(seqs.map((seq) => [seq, `"ü😀 ${seq - 1}"`]));
      expect(await log(two.id)).toEqual([[1, '"first"']]);
      expect(await streams.find(ana, one.id)).toMatchObject({ lastSeq: 20, prunedSeq: 0 });
    });

    it("store a batch whole, with what was added before its write began, and in its turn", async () => {
      const { streams, ana, log } = await setUp(await open());
      const { id } = await streams.openStandalone(ana);
      const batch = new EventBatch('"a\\ud800"');
      const first = streams.append(id, "1", 99);
      const stored = streams.append(id, batch, 99);
      const last = streams.append(id, "2", 99);
      const added = ['"ü😀\u2028"', '""', "[null]"].filter((data) => batch.add(data));
      expect(added).toHaveLength(3);
      expect(await Promise.all([first, stored, last])).toEqual([1, 5, 6]);
      expect(batch.add("0")).toBe(false);
      const data = ["1", '"a\\ud800"', ...added, "2"];
      expect(await log(id)).toEqual(data.map((one, n) => [n + 1, one]));
    });

    it("give out the events behind a number in order, a batch at a time, none twice", async () => {
      const { streams, ana, log } = await setUp(await open());
      const { id } = await streams.openStandalone(ana);
      const seqs = Array.from({ length: 250 }, (_, n) => n + 1);
      await Promise.all(seqs.map((seq) => streams.append(id, `${seq}`, 999)));
      expect((await log(id)).map(([seq]) => seq)).toEqual(seqs);
      expect((await streams.events(id, 248)).map(({ seq }) => seq)).toEqual([249, 250]);
      expect(await streams.events(id, 250)).toEqual([]);
    });

    it("lose their oldest events beyond the maximum, and tell up to which", async () => {
      const { streams, ana, log } = await setUp(await open());
      const { id } = await streams.openStandalone(ana);
      for (let n = 1; n <= 5; n += 1) expect(await streams.append(id, `${n}`, 3)).toBe(n);
      const kept = [3, 4, 5].map((n) => [n, `${n}`]);
      expect(await log(id)).toEqual(kept);
      expect(await streams.find(ana, id)).toMatchObject({ lastSeq: 5, prunedSeq: 2 });
      expect((await streams.events(id, 0))[0]).toMatchObject({ seq: 3 });
    });

    it("never lose an event within the maximum, nor keep one that they say is pruned", async () => {
      const { streams, ana, log } = await setUp(await open());
      const { id } = await streams.openStandalone(ana);
      for (let last = 1; last <= 100; last += 1) {
        await streams.append(id, "0", 20);
        const { prunedSeq } = (await streams.find(ana, id))!;
        expect(last - prunedSeq).toBeGreaterThanOrEqual(Math.min(last, 20));
        expect(last - prunedSeq).toBeLessThanOrEqual(22); // a tenth of slack
        const seqs = (await log(id)).map(([seq]) => seq);
        expect(seqs).toEqual(Array.from({ length: last - prunedSeq }, (_, n) => prunedSeq + n + 1));
      }
    });

    it("lose no event within the maximum to a batch, and keep none that they say is pruned", async () => {
      const { streams, ana, log } = await setUp(await open());
      const { id } = await streams.openStandalone(ana);
      for (const [last, size] of [1, 8, 9, 7, 30, 19, 2].map(
        (size, n, all) => [all.slice(0, n + 1).reduce((a, b) => a + b), size] as const,
      )) {
        const batch = new EventBatch(`${last - size + 1}`);
        for (let seq = last - size + 2; seq <= last; seq += 1) batch.add(`${seq}`);
        expect(await streams.append(id, batch, 20)).toBe(last);
        const { prunedSeq, lastSeq } = (await streams.find(ana, id))!;
        expect(lastSeq).toBe(last);
        expect(last - prunedSeq).toBeGreaterThanOrEqual(Math.min(last, 20));
        expect(last - prunedSeq).toBeLessThanOrEqual(22);
        const kept = Array.from({ length: last - prunedSeq }, (_, n) => prunedSeq + n + 1);
        expect(await log(id)).toEqual(kept.map((seq) => [seq, `${seq}`]));
      }
    });

    it("take nothing that is appended once they are gone", async () => {
      const { streams } = await setUp(await open());
      await expect(streams.append(newId(), "1", 9)).rejects.toMatchObject(failure("not_found"));
      const batch = new EventBatch("1");
      batch.add("2");
      await expect(streams.append(newId(), batch, 9)).rejects.toMatchObject(failure("not_found"));
    });

    it("take over what waits in their client's outbox, in order, once", async () => {
      const { streams, subscriptions, ana, bob, log } = await setUp(await open());
      const { id } = await streams.openStandalone(ana);
      await streams.append(id, "1", 9);
      expect(await streams.drain(ana, id, 9)).toBe(1);
      const posted: [string, string][] = [
        [ana, "2"],
        [bob, "0"],
        [ana, "3"],
      ];
      await subscriptions.post(posted.map(([clientId, data]) => ({ clientId, data })));
      expect(await Promise.all([streams.drain(ana, id, 9), streams.drain(ana, id, 9)])).toEqual([
        3, 3,
      ]);
      expect(await log(id)).toEqual([1, 2, 3].map((n) => [n, `${n}`]));
      expect(await subscriptions.waiting([ana, bob])).toEqual([bob]);
      await subscriptions.post([4, 5].map((n) => ({ clientId: ana, data: `${n}` })));
      expect(await streams.drain(ana, id, 2)).toBe(5);
      expect((await log(id)).map(([seq]) => seq)).toEqual([4, 5]);
    });

    it("of another client take nothing over", async () => {
      const { streams, subscriptions, ana, bob } = await setUp(await open());
      const { id } = await streams.openStandalone(ana);
      await subscriptions.post([{ clientId: bob, data: '"his"' }]);
      await expect(streams.drain(bob, id, 9)).rejects.toMatchObject(failure("not_found"));
      expect(await streams.events(id, 0)).toEqual([]);
      expect(await subscriptions.take(bob)).toEqual(['"his"']);
    });

    it("that are gone leave the outbox as it was", async () => {
      const { streams, subscriptions, ana } = await setUp(await open());
      await subscriptions.post([{ clientId: ana, data: "1" }]);
      await expect(streams.drain(ana, newId(), 9)).rejects.toMatchObject(failure("not_found"));
      expect(await subscriptions.take(ana)).toEqual(["1"]);
    });

    it("expire when nobody was connected, wrote or worked for the grace period", async () => {
      const { streams, clock, request, ana, here } = await setUp(await open());
      const opened = await Promise.all([1, 2, 3].map(() => streams.openStandalone(ana)));
      const [idle, touched, written] = opened.map(({ id }) => id) as [string, string, string];
      const working = await request([1, 2]);
      const found = async () => {
        const all = [idle, touched, written, working];
        const records = await Promise.all(all.map((id) => streams.find(ana, id)));
        return records.flatMap((record) => record?.id ?? []);
      };
      await streams.append(idle, "1", 9);
      clock.advance(GRACE - 1);
      expect(await streams.countExpired()).toBe(0);
      expect(await streams.deleteExpired()).toBe(0);
      await streams.touch([touched, newId()]);
      await streams.append(written, "1", 9);
      clock.advance(1);
      expect(await streams.countExpired()).toBe(1);
      expect(await streams.deleteExpired()).toBe(1);
      expect(await found()).toEqual([touched, written, working]);
      expect(await streams.events(idle, 0)).toEqual([]);
      clock.advance(GRACE);
      await streams.answer(working, 1, "1", here);
      clock.advance(GRACE);
      expect(await streams.deleteExpired()).toBe(2);
      expect(await found()).toEqual([working]); // 2 is still open
      await streams.retire(working, 2);
      clock.advance(GRACE - 1);
      expect(await streams.deleteExpired()).toBe(0);
      clock.advance(1);
      expect(await streams.deleteExpired()).toBe(1);
      expect(await found()).toEqual([]);
    });

    it("that expired are cleaned up, however many", async () => {
      const { streams, clock, ana } = await setUp(await open());
      await Promise.all(Array.from({ length: 40 }, () => streams.openStandalone(ana)));
      clock.advance(GRACE);
      const living = await streams.openStandalone(ana);
      expect(await streams.countExpired()).toBe(40);
      expect(await streams.deleteExpired()).toBe(40);
      expect(await streams.countExpired()).toBe(0);
      expect(await streams.deleteExpired()).toBe(0);
      expect(await streams.find(ana, living.id)).toEqual(living);
    });

    it("go with their client, and so do its requests", async () => {
      const { streams, storage, request, ana, bob, orphaned } = await setUp(await open());
      const [hers, his] = [await request([1], ana, "gone"), await request([2], bob, "gone")];
      await storage.clients.end(ana);
      expect(await storage.clients.deleteExpired()).toBe(1);
      expect(await streams.find(ana, hers)).toBeUndefined();
      expect(await orphaned()).toEqual([2]);
      expect(await streams.find(bob, his)).toBeDefined();
    });
  });
}

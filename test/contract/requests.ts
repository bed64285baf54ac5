// The contract of StreamStore: open requests, their answers, and who takes over what a dead process left.
import { describe, expect, it } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import { BOB, failure, GRACE, newInstance, newRequest, type Open } from "./engine.ts";
import { setUp } from "./streams.ts";

export function requestsContract(open: Open): void {
  describe("open requests", () => {
    it("are opened on a stream of their own, also when their client has the same ids open on others", async () => {
      const { streams, request, ana, bob, log, orphaned } = await setUp(await open());
      const [one, two] = [await request([1, "1"], ana, "gone"), await request([1], ana, "gone")];
      const his = await request([1], bob);
      expect(new Set([one, two, his]).size).toBe(3);
      expect(await orphaned()).toEqual([1, "1", 1]);
      expect(await streams.answer(two, 1, '"second"', "gone")).toEqual({ seq: 1, finished: true });
      expect(await streams.answer(one, 1, '"first"', "gone")).toEqual({ seq: 1, finished: false });
      expect([await log(one), await log(two)]).toEqual([[[1, '"first"']], [[1, '"second"']]]);
      expect(await orphaned()).toEqual(["1"]);
      expect(await streams.find(ana, his)).toBeUndefined();
    });

    it("are opened all or none: one stream takes an id once", async () => {
      const { streams, clock, request, ana, orphaned } = await setUp(await open());
      await expect(request([1, 4, 4], ana, "gone")).rejects.toThrow();
      expect(await orphaned()).toEqual([]);
      clock.advance(GRACE);
      expect(await streams.countExpired()).toBe(0); // no stream either
    });

    it("are answered on their stream, which is finished with the last of them", async () => {
      const { streams, clock, request, ana, log, here } = await setUp(await open());
      const streamId = await request([1, "1", 2]);
      await streams.append(streamId, '"progress"', 9);
      expect(await streams.answer(streamId, "1", '"b"', here)).toEqual({ seq: 2, finished: false });
      expect(await streams.retire(streamId, 1)).toMatchObject({ finished: false });
      expect(await streams.find(ana, streamId)).toMatchObject({ lastSeq: 2, finishedAt: null });
      clock.advance(7);
      expect(await streams.answer(streamId, 2, '"c"', here)).toEqual({ seq: 3, finished: true });
      const finishedAt = clock.now();
      expect(await streams.find(ana, streamId)).toMatchObject({ lastSeq: 3, finishedAt });
      expect((await log(streamId)).map(([, data]) => data)).toEqual(['"progress"', '"b"', '"c"']);
    });

    it("are found by what was posted until all their answers were delivered, or they were retired", async () => {
      const { streams, request, ana, bob, here } = await setUp(await open());
      const [one, two] = [await request([1]), await request([1])];
      const [other, his] = [await request([2], ana, here, "another"), await request([1], bob)];
      const found = async (posted = "a hash", clientId = ana) =>
        (await streams.findUndelivered(clientId, posted)).map(({ id }) => id);
      expect([await found(), await found("another"), await found("a hash", bob)]).toEqual([
        [one, two],
        [other],
        [his],
      ]);
      await streams.answer(one, 1, '"a"', here);
      expect(await streams.findUndelivered(ana, "a hash")).toMatchObject([
        { id: one, lastSeq: 1, finishedAt: expect.any(Number) },
        { id: two, lastSeq: 0, finishedAt: null },
      ]);
      await streams.delivered(one);
      expect(await found()).toEqual([two]);
      await streams.retire(two, 1);
      expect(await found()).toEqual([]);
      expect(await streams.find(ana, one)).toMatchObject({ lastSeq: 1 }); // it can still be resumed
    });

    it("are answered, and spoken of, only by the process that runs them", async () => {
      const opened = await open();
      const { streams, storage, request, ana, here, log } = await setUp(opened);
      const paused = await newInstance(opened);
      const streamId = await request([1], ana, paused);
      await streams.append(streamId, '"1 of 2"', 9, paused);
      await storage.instances.remove(paused); // taken for dead
      const [orphan] = await streams.orphans();
      expect(await streams.adopt(orphan!, here)).toBe(true);
      await expect(streams.append(streamId, '"2 of 2"', 9, paused)).rejects.toMatchObject(
        failure("interrupted"),
      );
      expect(await streams.answer(streamId, 1, '"of the wrong run"', paused)).toBeUndefined();
      await streams.append(streamId, '"again"', 9, here);
      expect(await streams.answer(streamId, 1, '"right"', here)).toMatchObject({ finished: true });
      for (const late of [paused, here])
        await expect(streams.append(streamId, '"late"', 9, late)).rejects.toMatchObject(
          failure("interrupted"),
        );
      expect((await log(streamId)).map(([, data]) => data)).toEqual([
        ...['"1 of 2"', '"again"', '"right"'],
      ]);
    });

    it("are answered once, on their own stream, and not after they were retired", async () => {
      const { streams, request, log, here } = await setUp(await open());
      const streamId = await request([1, 2]);
      const other = await request([3]);
      expect(await streams.answer(other, 1, '"its"', here)).toBeUndefined();
      expect(await streams.retire(other, 1)).toBeUndefined();
      expect(await streams.answer(streamId, "1", '"other"', here)).toBeUndefined();
      const answers = ['"a"', '"b"'].map((data) => streams.answer(streamId, 1, data, here));
      expect(await Promise.all(answers)).toEqual([{ seq: 1, finished: false }, undefined]);
      expect(await streams.retire(streamId, 2)).toMatchObject({ finished: true });
      expect(await streams.retire(streamId, 2)).toBeUndefined();
      expect(await streams.answer(streamId, 2, '"late"', here)).toBeUndefined();
      expect(await log(streamId)).toEqual([[1, '"a"']]);
    });

    it("of a client that has ended are ended all at once, nobody else's are", async () => {
      const { storage, streams, clock, request, ana, bob, orphaned } = await setUp(await open());
      const [one, two] = [await request([1, 2], ana, "gone"), await request([3], ana, "gone")];
      const his = await request([4], bob, "gone");
      clock.advance(7);
      await storage.clients.end(ana);
      expect(await orphaned()).toEqual([4]);
      expect(await streams.answer(one, 1, '"late"', "gone")).toBeUndefined();
      expect(await streams.find(ana, one)).toBeUndefined();
      expect(await streams.find(ana, two)).toBeUndefined();
      expect(await streams.find(bob, his)).toMatchObject({ finishedAt: null });
    });

    it("are answered behind all progress that was stored before, whether anybody awaits it or not", async () => {
      const { streams, request, log, here } = await setUp(await open());
      const streamId = await request([1, 2]);
      const progress = Array.from({ length: 5 }, (_, n) => `"${n}"`);
      const stored = progress.map((data) => streams.append(streamId, data, 99, here));
      const answered = streams.answer(streamId, 1, '"answer"', here);
      const retired = streams.retire(streamId, 2);
      expect(await Promise.all(stored)).toEqual([1, 2, 3, 4, 5]);
      expect(await answered).toEqual({ seq: 6, finished: false });
      expect(await retired).toMatchObject({ finished: true });
      expect((await log(streamId)).map(([, data]) => data)).toEqual([...progress, '"answer"']);
    });

    it("are orphans when their process is no more, with all that is needed to run them again", async () => {
      const opened = await open();
      const { streams, storage, ana, bob, here, request } = await setUp(opened);
      const there = await newInstance(opened);
      const message = { method: "tools/call", params: { deep: [1, null, "ü😀"] } };
      const requests = [
        newRequest(1, { message, target: { name: "work" }, scope: "read" }),
        newRequest("1", { target: { id: newId() } }),
        newRequest(2),
      ];
      const { id: streamId } = await streams.openRequests(bob, there, requests, "a hash");
      await request([1, 3], ana, here);
      expect(await streams.orphans()).toEqual([]);
      await streams.answer(streamId, 2, '"done"', there);
      await storage.instances.remove(there);
      const orphans = await streams.orphans();
      expect(orphans.toSorted((a, b) => (typeof a.id < typeof b.id ? -1 : 1))).toEqual(
        requests.slice(0, 2).map((request) => ({
          ...request,
          ...{ clientId: bob, owner: BOB, streamId, instanceId: there },
        })),
      );
    });

    it("that are orphans are adopted by exactly one process, and by none once they have ended", async () => {
      const opened = await open();
      const { streams, storage, ana, bob, request, orphaned } = await setUp(opened);
      await request([1, 2], ana, "gone");
      await request([1], bob, "gone");
      const [first, second] = [await newInstance(opened), await newInstance(opened)];
      const of = (await streams.orphans()).filter(({ clientId }) => clientId === ana);
      const [one, two] = [of.find(({ id }) => id === 1)!, of.find(({ id }) => id === 2)!];
      const race = [first, second].map((instanceId) => streams.adopt(one, instanceId));
      expect(await Promise.all(race)).toEqual([true, false]);
      expect((await orphaned()).toSorted()).toEqual([1, 2]); // Bob's 1 and her 2
      await streams.retire(two.streamId, 2);
      expect(await streams.adopt(two, first)).toBe(false);
      await storage.instances.remove(second);
      expect(await orphaned()).toEqual([1]);
      await storage.instances.remove(first);
      const again = (await streams.orphans()).find(({ clientId }) => clientId === ana);
      expect(again).toEqual({ ...one, instanceId: first });
      expect(await streams.answer(one.streamId, 1, '"a"', first)).toMatchObject({ seq: 1 });
    });
  });
}

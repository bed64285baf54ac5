// The contract of StreamStore: open requests, their answers, and who takes over what a dead process left.
import { describe, expect, it } from "vitest";
import { newId } from "../../src/kernel/ids.ts";
import { BOB, failure, GRACE, newInstance, newRequest, type Open } from "./engine.ts";
import { setUp } from "./streams.ts";

export function requestsContract(open: Open): void {
  describe("open requests", () => {
    it("cannot be opened when one of the ids is in use, and then none of them is", async () => {
      const { streams, clock, request, ana, bob, orphaned } = await setUp(open());
      await request([1], ana, "gone");
      const conflict = failure("conflict");
      await expect(request([2, 1, 3], ana, "gone")).rejects.toMatchObject(conflict);
      await expect(request([4, 4], ana, "gone")).rejects.toMatchObject(conflict);
      expect(await orphaned()).toEqual([1]);
      clock.advance(GRACE);
      expect(await streams.countExpired()).toBe(0); // no stream either
      await request(["1", 2, 3, 4], ana); // "1" is not 1
      await request([1], bob);
      await streams.answer(ana, 1, "1");
      await expect(request([1], bob)).rejects.toMatchObject(conflict);
      await request([1], ana);
    });

    it("are answered on their stream, which is finished with the last of them", async () => {
      const { streams, clock, request, ana, log } = await setUp(open());
      const streamId = await request([1, "1", 2]);
      await streams.append(streamId, '"progress"', 9);
      const ended = (seq: number, finished: boolean) => ({ streamId, seq, finished });
      expect(await streams.answer(ana, "1", '"b"')).toEqual(ended(2, false));
      expect(await streams.retire(ana, 1)).toMatchObject({ streamId, finished: false });
      expect(await streams.find(ana, streamId)).toMatchObject({ lastSeq: 2, finishedAt: null });
      clock.advance(7);
      expect(await streams.answer(ana, 2, '"c"')).toEqual(ended(3, true));
      const finishedAt = clock.now();
      expect(await streams.find(ana, streamId)).toMatchObject({ lastSeq: 3, finishedAt });
      expect((await log(streamId)).map(([, data]) => data)).toEqual(['"progress"', '"b"', '"c"']);
    });

    it("are answered once, by their own client, and not after they were retired", async () => {
      const { streams, request, ana, bob, log } = await setUp(open());
      const streamId = await request([1, 2]);
      expect(await streams.answer(bob, 1, '"his"')).toBeUndefined();
      expect(await streams.retire(bob, 1)).toBeUndefined();
      expect(await streams.answer(ana, "1", '"other"')).toBeUndefined();
      const answers = ['"a"', '"b"'].map((data) => streams.answer(ana, 1, data));
      expect(await Promise.all(answers)).toEqual([
        { streamId, seq: 1, finished: false },
        undefined,
      ]);
      expect(await streams.retire(ana, 2)).toMatchObject({ streamId, finished: true });
      expect(await streams.retire(ana, 2)).toBeUndefined();
      expect(await streams.answer(ana, 2, '"late"')).toBeUndefined();
      expect(await log(streamId)).toEqual([[1, '"a"']]);
    });

    it("of a client that has ended are ended all at once, nobody else's are", async () => {
      const { streams, clock, request, ana, bob, orphaned } = await setUp(open());
      const [one, two] = [await request([1, 2], ana, "gone"), await request([3], ana, "gone")];
      const his = await request([4], bob, "gone");
      clock.advance(7);
      await streams.retireAll(ana);
      expect(await orphaned()).toEqual([4]);
      expect(await streams.answer(ana, 1, '"late"')).toBeUndefined();
      const finished = { lastSeq: 0, finishedAt: clock.now() };
      expect(await streams.find(ana, one)).toMatchObject(finished);
      expect(await streams.find(ana, two)).toMatchObject(finished);
      expect(await streams.find(bob, his)).toMatchObject({ finishedAt: null });
    });

    it("are orphans when their process is no more, with all that is needed to run them again", async () => {
      const opened = open();
      const { streams, storage, ana, bob, here, request } = await setUp(opened);
      const there = await newInstance(opened);
      const message = { method: "tools/call", params: { deep: [1, null, "ü😀"] } };
      const requests = [
        newRequest(1, { message, target: { name: "work" }, scope: "read" }),
        newRequest("1", { target: { id: newId() } }),
        newRequest(2),
      ];
      const streamId = await streams.openRequests(bob, there, requests);
      await request([1, 3], ana, here);
      expect(await streams.orphans()).toEqual([]);
      await streams.answer(bob, 2, '"done"');
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
      const opened = open();
      const { streams, storage, ana, bob, request, orphaned } = await setUp(opened);
      await request([1, 2], ana, "gone");
      await request([1], bob, "gone");
      const [first, second] = [await newInstance(opened), await newInstance(opened)];
      const of = (await streams.orphans()).filter(({ clientId }) => clientId === ana);
      const [one, two] = [of.find(({ id }) => id === 1)!, of.find(({ id }) => id === 2)!];
      const race = [first, second].map((instanceId) => streams.adopt(one, instanceId));
      expect(await Promise.all(race)).toEqual([true, false]);
      expect((await orphaned()).toSorted()).toEqual([1, 2]); // Bob's 1 and her 2
      await streams.retire(ana, 2);
      expect(await streams.adopt(two, first)).toBe(false);
      await storage.instances.remove(second);
      expect(await orphaned()).toEqual([1]);
      await storage.instances.remove(first);
      const again = (await streams.orphans()).find(({ clientId }) => clientId === ana);
      expect(again).toEqual({ ...one, instanceId: first });
      expect(await streams.answer(ana, 1, '"a"')).toMatchObject({ seq: 1 });
    });
  });
}

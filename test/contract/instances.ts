// The contract of InstanceStore.
import { describe, expect, it } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import { newClient, newInstance, newRequest, newSession, type Open } from "./engine.ts";
import { CALL, MAX } from "./keyed-call-setup.ts";

const INSTANCE = { id: "i-1", host: "h", pid: 7, startedAt: 1, heartbeatAt: 1, serves: false };

export function instanceContract(open: Open): void {
  describe("instances", () => {
    it("are listed as they registered, with their last heartbeat", async () => {
      const { storage } = await open();
      const other = { ...INSTANCE, id: "i-2", pid: 8, serves: true };
      await storage.instances.heartbeat(INSTANCE);
      await storage.instances.heartbeat(other);
      await storage.instances.heartbeat({ ...INSTANCE, heartbeatAt: 5 });
      const listed = await storage.instances.list();
      expect(listed.toSorted((a, b) => a.pid - b.pid)).toEqual([
        { ...INSTANCE, heartbeatAt: 5 },
        other,
      ]);
    });

    it("are forgotten when removed, and registered anew by the next heartbeat", async () => {
      const { storage } = await open();
      expect(await storage.instances.heartbeat(INSTANCE)).toBe(true);
      expect(await storage.instances.heartbeat(INSTANCE)).toBe(false);
      await storage.instances.heartbeat({ ...INSTANCE, id: "i-2" });
      await storage.instances.remove("i-1");
      await storage.instances.remove("nobody");
      expect(await storage.instances.list()).toEqual([{ ...INSTANCE, id: "i-2" }]);
      expect(await storage.instances.heartbeat({ ...INSTANCE, heartbeatAt: 9 })).toBe(true);
      expect(await storage.instances.list()).toHaveLength(2);
    });

    it("hold a lease one at a time, until they are removed", async () => {
      const opened = await open();
      const { instances } = opened.storage;
      const [one, two] = [await newInstance(opened), await newInstance(opened)];
      expect(await instances.claim("cleanup", one)).toBe(true);
      expect(await instances.claim("cleanup", two)).toBe(false);
      expect(await instances.claim("cleanup", one)).toBe(true);
      expect(await instances.claim("other work", two)).toBe(true);
      await instances.remove(one);
      expect(await instances.claim("cleanup", one)).toBe(false); // it was taken for dead, and comes back
      expect(await instances.claim("cleanup", two)).toBe(true);
    });

    it("abandon work, which others then take over as after a death", async () => {
      const opened = await open();
      const { instances, history, keyedCalls, streams } = opened.storage;
      const [here, there] = [await newInstance(opened), await newInstance(opened)];
      const begin = async (key: string, instanceId: string) =>
        keyedCalls.begin({ ...CALL, key }, { instanceId, newSessionId: newId(), max: MAX });
      const [left, goesOn] = [await newSession(opened.storage), await newSession(opened.storage)];
      for (const { id } of [left, goesOn])
        await history.beginTurn(id, { instanceId: here, prompt: "Why?" });
      const call = await begin("left", here);
      await begin("goes on", here);
      const client = await newClient(opened);
      const stream = await streams.openRequests(client.id, here, [newRequest(1)], "a hash");
      const other = await streams.openRequests(client.id, here, [newRequest(2)], "a hash");
      const work = await instances.work(here);
      expect(work).toHaveLength(6);
      expect(await instances.work(there)).toEqual([]);

      const abandoned = [
        { kind: "turn" as const, id: left.id },
        { kind: "call" as const, id: (call as { id: string }).id },
        { kind: "stream" as const, id: stream.id },
      ];
      expect(work).toEqual(expect.arrayContaining(abandoned));
      await instances.abandon(here, abandoned);
      expect(await instances.work(here)).toHaveLength(3);
      const ask = (id: string) => history.beginTurn(id, { instanceId: there, prompt: "Why?" });
      expect(await ask(left.id)).toMatchObject({ kind: "started" });
      expect(await ask(goesOn.id)).toMatchObject({ kind: "busy" });
      expect((await begin("left", there)).kind).toBe("lost");
      expect((await begin("goes on", there)).kind).toBe("running");
      expect((await streams.orphans()).map(({ streamId }) => streamId)).toEqual([stream.id]);
      expect(await streams.answer(stream.id, 1, "{}", here)).toBeUndefined();
      expect(await streams.answer(other.id, 2, "{}", here)).toMatchObject({ finished: true });
    });

    it("stay when they have given a sign of life since they seemed dead", async () => {
      const { storage } = await open();
      await storage.instances.heartbeat(INSTANCE);
      await storage.instances.heartbeat({ ...INSTANCE, heartbeatAt: 5 });
      await storage.instances.remove("i-1", INSTANCE.heartbeatAt);
      expect(await storage.instances.list()).toHaveLength(1);
      await storage.instances.remove("i-1", 5);
      expect(await storage.instances.list()).toEqual([]);
    });
  });
}

// The contract of KeyedCallStore: how many calls are kept, for how long, and what takes them along.
import { describe, expect, it } from "vitest";
import { BOB, failure, newSession, type Open } from "./engine.ts";
import { CALL, KEPT, MAX, setUp } from "./keyed-call-setup.ts";

export function keyedCallLimitsContract(open: Open): void {
  describe("calls with keys", () => {
    it("beyond the maximum of a scope push out the oldest that has ended, in no other scope", async () => {
      const { done, kind } = await setUp(await open());
      const max = { max: 3 };
      await done({ key: "elder", scope: "s-2" }, max);
      await done({ key: "elder", owner: BOB }, max);
      for (const key of ["a", "b", "c", "d"]) await done({ key }, max);
      expect(await kind({ key: "elder", scope: "s-2" }, max)).toBe("done");
      expect(await kind({ key: "elder", owner: BOB }, max)).toBe("done");
      for (const key of ["b", "c", "d"]) expect(await kind({ key }, max)).toBe("done");
      expect(await kind({ key: "a" }, max)).toBe("started");
    });

    it("that still run are not pushed out, however many there are", async () => {
      const { start, done, kind } = await setUp(await open());
      const max = { max: 2 };
      await start({ key: "a" }, max);
      await done({ key: "b" }, max);
      await start({ key: "c" }, max); // b goes, a stays
      await start({ key: "d" }, max);
      for (const key of ["a", "c", "d"]) expect(await kind({ key }, max)).toBe("running");
      expect(await kind({ key: "b" }, max)).toBe("started");
    });

    it("that were dropped are pushed out before any that still runs", async () => {
      const { store, start, done, kind, here, rows } = await setUp(await open());
      const [scope, max] = ["", { max: 2 }];
      await start({ key: "a", scope }, max);
      await store.drop(await start({ key: "b", scope }, max), here);
      await done({ key: "c", scope }, max);
      expect(await kind({ key: "a", scope }, max)).toBe("running");
      expect(await kind({ key: "c", scope }, max)).toBe("done");
      if (rows) expect(await rows()).toMatchObject({ keyed_calls: 2 });
    });

    it("are kept for 24 hours from their start and no longer, before any cleanup", async () => {
      const { store, start, clock, kind, begin, here } = await setUp(await open());
      const id = await start();
      clock.advance(KEPT / 2);
      await store.finish(id, here, "1");
      clock.advance(KEPT / 2);
      expect(await kind()).toBe("done");
      await expect(begin({ request: "r-2" })).rejects.toMatchObject(failure("conflict"));
      expect(await store.countExpired()).toBe(0);
      clock.advance(1);
      expect(await store.countExpired()).toBe(1);
      expect(await kind({ request: "r-2" })).toBe("started");
      expect(await store.countExpired()).toBe(0);
    });

    it("that are too old are deleted, and no others", async () => {
      const { store, done, clock, kind, rows } = await setUp(await open());
      for (const key of ["a", "b", "c"]) await done({ key });
      clock.advance(KEPT + 1);
      await done({ key: "young" });
      expect(await store.countExpired()).toBe(3);
      expect(await store.deleteExpired()).toBe(3);
      expect(await store.countExpired()).toBe(0);
      expect(await store.deleteExpired()).toBe(0);
      if (rows) expect(await rows()).toMatchObject({ keyed_calls: 1 });
      expect(await kind({ key: "young" })).toBe("done");
    });

    it("go with the session that they named or opened, and only with that one", async () => {
      const { storage, store, done, kind, here } = await setUp(await open());
      const [one, two] = [await newSession(storage), await newSession(storage)];
      for (const { id } of [one, two]) await done({ scope: id });
      const opened = { instanceId: here, newSessionId: one.id, max: MAX };
      const call = { ...CALL, scope: "" };
      await store.begin(call, opened);
      await storage.sessions.delete(one.id);
      expect(await kind({ scope: one.id })).toBe("started");
      expect(await kind({ scope: "" })).toBe("started");
      expect(await kind({ scope: two.id })).toBe("done");
    });

    it.each(["history", "state", "all"] as const)(
      "of a session go when its %s is cleared",
      async (what) => {
        const { storage, done, kind } = await setUp(await open());
        const [one, two] = [await newSession(storage), await newSession(storage)];
        for (const { id } of [one, two]) await done({ scope: id });
        await done({ scope: one.id, owner: BOB }); // no session of his
        await storage.sessions.clear(one.id, what);
        expect(await kind({ scope: one.id })).toBe("started");
        expect(await kind({ scope: two.id })).toBe("done");
        expect(await kind({ scope: one.id, owner: BOB })).toBe("done");
      },
    );

    it.each(["history", "state", "all"] as const)(
      "that opened a session go when its %s is cleared",
      async (what) => {
        const { storage, store, kind, here } = await setUp(await open());
        const [one, two] = [await newSession(storage), await newSession(storage)];
        for (const { id } of [one, two]) {
          const call = { ...CALL, scope: "", key: id };
          const mine = { instanceId: here, newSessionId: id, max: MAX };
          const begun = await store.begin(call, mine);
          await store.finish((begun as { id: string }).id, here, "1");
        }
        await storage.sessions.clear(one.id, what);
        expect(await kind({ scope: "", key: one.id })).toBe("started");
        expect(await kind({ scope: "", key: two.id })).toBe("done");
      },
    );

    it("that still run stay when their session is cleared: one of them may clear it", async () => {
      const { storage, store, start, kind, here } = await setUp(await open());
      const { id } = await newSession(storage);
      const call = await start({ scope: id });
      await storage.sessions.clear(id, "all");
      expect(await kind({ scope: id })).toBe("running");
      await store.finish(call, here, "1");
      expect(await kind({ scope: id })).toBe("done");
    });
  });
}

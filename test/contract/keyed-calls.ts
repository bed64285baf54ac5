// The contract of IdempotentCallStore: a key stands for one call of one owner in one scope, and is told what became of it.
import { describe, expect, it } from "vitest";
import type { IdempotentCall, MakeOnce } from "../../src/idempotency/idempotent-calls.ts";
import { newId } from "../../src/lib/ids.ts";
import { BOB, failure, newInstance, newSession, type Open, say } from "./engine.ts";
import { CALL, MAX, setUp } from "./keyed-call-setup.ts";

export function keyedCallsContract(open: Open): void {
  describe("a call with a key", () => {
    it("starts once, runs for everybody else, and gives its outcome when it is done", async () => {
      const { store, here, there, begin } = await setUp(await open());
      const newSessionId = newId();
      const mine = { instanceId: here, newSessionId, max: MAX };
      const started = await store.begin(CALL, mine);
      expect(started).toEqual({ kind: "started", id: expect.any(String), newSessionId });
      expect(await begin()).toEqual({ kind: "running", id: expect.any(String) });
      expect(await begin()).toEqual({ kind: "running", id: expect.any(String) }); // looking changes nothing
      const outcome = '{"said":"ü😀"}';
      await store.finish((started as { id: string }).id, here, outcome);
      for (const instanceId of [here, there])
        expect(await begin({}, { instanceId })).toEqual({ kind: "done", outcome });
    });

    it("starts once of many at the same moment", async () => {
      const opened = await open();
      const { kind } = await setUp(opened);
      const processes = await Promise.all(Array.from({ length: 10 }, () => newInstance(opened)));
      const kinds = await Promise.all(processes.map((instanceId) => kind({}, { instanceId })));
      expect(kinds.toSorted()).toEqual([...Array.from({ length: 9 }, () => "running"), "started"]);
    });

    it.each<Partial<IdempotentCall>>([
      { owner: BOB },
      { scope: "s-2" },
      { scope: "" },
      { key: "K-1" },
    ])("never meets the one with %j", async (other) => {
      const { start, kind, done, begin } = await setUp(await open());
      await done();
      const id = await start({ ...other, request: "r-2" });
      expect(id).toEqual(expect.any(String));
      expect(await kind({ ...other, request: "r-2" })).toBe("running");
      expect(await begin()).toEqual({ kind: "done", outcome: '"k-1"' });
    });

    it("is a conflict for another request, whatever became of it", async () => {
      const { store, start, begin, kind, die, here } = await setUp(await open());
      const id = await start();
      const other = () => begin({ request: "r-2" });
      await expect(other()).rejects.toMatchObject(failure("conflict"));
      await die(here);
      await expect(other()).rejects.toMatchObject(failure("conflict"));
      await store.finish(id, here, "1");
      await expect(other()).rejects.toMatchObject(failure("conflict"));
      expect(await kind()).toBe("done");
    });

    it("that is dropped frees its key, also for another request", async () => {
      const { store, start, kind, done, here } = await setUp(await open());
      await store.drop(await start(), here);
      await store.drop(await start({ request: "r-2" }), here);
      await done({ request: "r-3" });
      expect(await kind({ request: "r-3" })).toBe("done");
    });

    it("whose process is gone is lost, and keeps the id of its new session", async () => {
      const { store, begin, die, here } = await setUp(await open());
      const newSessionId = newId();
      const started = await store.begin(CALL, { instanceId: here, newSessionId, max: MAX });
      await die(here);
      const lost = { ...started, kind: "lost" };
      expect(await begin()).toEqual(lost);
      expect(await begin()).toEqual(lost); // looking takes nothing over
    });

    it("that its own process asks for anew, and so knows nothing of, is lost to that one only", async () => {
      const { store, start, kind, here, there } = await setUp(await open());
      const id = await start();
      expect(await kind({}, { instanceId: here })).toBe("lost");
      expect(await store.adopt(id, there)).toBe(false);
      expect(await store.adopt(id, here)).toBe(true);
      expect(await kind({}, { instanceId: there })).toBe("running");
    });

    it("that ended before its process was gone is done", async () => {
      const { done, begin, die, here } = await setUp(await open());
      await done();
      await die(here);
      expect(await begin()).toEqual({ kind: "done", outcome: '"k-1"' });
    });

    it("that is lost has one who adopts it, and then runs", async () => {
      const opened = await open();
      const { store, start, kind, die, here, there } = await setUp(opened);
      const [third, fourth] = [await newInstance(opened), await newInstance(opened)];
      const id = await start();
      expect(await store.adopt(id, there)).toBe(false); // it is not lost
      await die(here);
      const adopted = await Promise.all([store.adopt(id, there), store.adopt(id, third)]);
      expect(adopted.toSorted()).toEqual([false, true]);
      expect(await kind({}, { instanceId: fourth })).toBe("running");
      await die(adopted[0] ? there : third);
      expect(await store.adopt(id, fourth)).toBe(true); // lost once more
    });

    it("that has ended, or was dropped, is not adopted", async () => {
      const { store, start, kind, die, here, there } = await setUp(await open());
      const [ended, dropped] = [await start(), await start({ key: "k-2" })];
      await die(here);
      await store.finish(ended, here, "1");
      await store.drop(dropped, here);
      expect(await store.adopt(ended, there)).toBe(false);
      expect(await store.adopt(dropped, there)).toBe(false);
      expect(await kind()).toBe("done");
    });

    it.each(["s-1", ""])(
      "that another process adopted is neither ended nor dropped by the one that had it (in %j)",
      async (scope) => {
        const { store, start, begin, kind, die, here, there } = await setUp(await open());
        const id = await start({ scope });
        await die(here); // wrongly: it goes on
        expect(await store.adopt(id, there)).toBe(true);
        await store.finish(id, here, '"late"');
        await store.drop(id, here);
        expect(await kind({ scope }, { instanceId: there })).toBe("lost"); // to the one that has it
        await store.finish(id, there, '"adopted"');
        await store.drop(id, here);
        expect(await begin({ scope })).toEqual({ kind: "done", outcome: '"adopted"' });
      },
    );

    it("is begun and adopted by a registered process only", async () => {
      const { store, start, kind, die, here, there } = await setUp(await open());
      const id = await start();
      await die(there);
      expect(await kind({ key: "another" }, { instanceId: there })).toBe("unregistered");
      expect(await kind({}, { instanceId: there })).toBe("running");
      await die(here);
      expect(await kind({}, { instanceId: there })).toBe("unregistered");
      expect(await store.adopt(id, there)).toBe(false);
    });

    it("makes each of its changes once, whoever runs it, and none when another has adopted it", async () => {
      const { storage, store, start, die, here, there } = await setUp(await open());
      const { id: session } = await newSession(storage);
      const entry = { key: "a", value: "1", expiresAt: null, maxKeys: 9 };
      const twice = async (change: MakeOnce) => [
        await change("a", () => storage.state.set(session, entry)),
        await change("a", () => storage.state.set(session, entry)),
      ];
      const id = await start();
      const mine = store.changes(id, here);
      const made = await twice(mine);
      expect(made).toMatchObject([{ version: 1 }, { version: 2 }]);
      await die(here); // wrongly: it goes on
      await store.adopt(id, there);
      await expect(mine("b", () => storage.state.set(session, entry))).rejects.toMatchObject(
        failure("interrupted"),
      );
      const theirs = store.changes(id, there);
      expect(await twice(theirs)).toEqual(made);
      expect(await theirs("b", () => storage.state.set(session, entry))).toMatchObject({
        version: 3,
      });
    });

    it.each([1, 120])("may delete its own session of %i messages", async (count) => {
      const { storage, store, start, here } = await setUp(await open());
      const { id: scope } = await newSession(storage);
      for (let n = 1; n <= count; n += 1) await say(storage, scope, `${n}`);
      const id = await start({ scope, frees: true });
      await store.changes(id, here)("delete", () => storage.sessions.delete(scope));
      await store.finish(id, here, '"deleted"');
      expect(await storage.sessions.findById(scope)).toBeUndefined();
      await storage.sessions.purged();
    });

    it("without a scope that is dropped may open the same session when it begins again", async () => {
      const { store, begin, here, there, kind } = await setUp(await open());
      const call = { scope: "" };
      const first = await begin(call, { instanceId: here });
      if (first.kind !== "started") throw new Error(`The call is ${first.kind}.`);
      await store.drop(first.id, here);
      const kinds = await Promise.all([
        begin(call, { instanceId: there }),
        kind(call, { instanceId: here }),
      ]);
      expect(kinds).toEqual([{ ...first, kind: "started" }, "running"]);
      await store.drop(first.id, there);
      const other = await begin({ ...call, request: "r-2" });
      expect(other.kind).toBe("started");
      expect(other).not.toMatchObject({ newSessionId: first.newSessionId });
    });
  });
}

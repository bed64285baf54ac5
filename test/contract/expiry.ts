// The contract of expiry: what has expired is invisible at once, its name and id are free, and cleanup takes it.
import { describe, expect, it } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import type { Content } from "../../src/transfer/store.ts";
import {
  ANA,
  BOB,
  failure,
  MAX_AGE,
  newClient,
  newConnection,
  newInstance,
  newRequest,
  newSession,
  type Open,
  PRESENCE,
  put,
  say,
} from "./engine.ts";

async function* noPages(): AsyncGenerator<Content[]> {}

export function expiryContract(open: Open): void {
  describe("expiry", () => {
    it("hides a session the moment it reaches the maximum age, before any cleanup", async () => {
      const { storage, clock } = await open();
      const { id } = await newSession(storage, { name: "work" });
      clock.advance(MAX_AGE - 1);
      expect(await storage.sessions.findById(id)).toBeDefined();
      expect(await storage.sessions.findByName(ANA, "work")).toBeDefined();
      expect((await storage.sessions.list(ANA, { limit: 9 })).sessions).toHaveLength(1);
      expect(await storage.sessions.countExpired()).toBe(0);
      clock.advance(1);
      expect(await storage.sessions.findById(id)).toBeUndefined();
      expect(await storage.sessions.findByName(ANA, "work")).toBeUndefined();
      expect(await storage.sessions.list(ANA, { limit: 9 })).toEqual({ sessions: [] });
      await expect(storage.sessions.update(id, { title: "x" })).rejects.toMatchObject(
        failure("not_found"),
      );
      expect(await storage.sessions.countExpired()).toBe(1);
    });

    it("counts from the last activity", async () => {
      const { storage, clock } = await open();
      const [touched, updated] = [await newSession(storage), await newSession(storage)];
      clock.advance(MAX_AGE - 1);
      await storage.sessions.touch(new Map([[touched.id, clock.now()]]));
      await storage.sessions.update(updated.id, { title: "x" });
      clock.advance(MAX_AGE - 1);
      expect(await storage.sessions.findById(touched.id)).toBeDefined();
      expect(await storage.sessions.findById(updated.id)).toBeDefined();
    });

    it.each(["created", "imported"])(
      "gives the id and the name of an expired session with many messages to one that is %s",
      async (how) => {
        const { storage, clock } = await open();
        const { id } = await newSession(storage, { name: "work" });
        for (let n = 1; n <= 120; n += 1) await say(storage, id, `${n}`);
        const named = await newSession(storage, { name: "play" });
        for (let n = 1; n <= 120; n += 1) await say(storage, named.id, `${n}`);
        clock.advance(MAX_AGE);
        const fields = { id, owner: ANA, name: "play", title: null, system: null, pinned: false };
        const times = { createdAt: clock.now(), lastActiveAt: clock.now() };
        const made =
          how === "created"
            ? await storage.sessions.create({ id, owner: ANA, name: "play" })
            : await storage.transfer.restore({ ...fields, ...times }, noPages(), 9);
        expect(made).toMatchObject(how === "created" ? { created: true } : { named: true });
        expect(await say(storage, id, "first")).toMatchObject({ seq: 1 });
        expect(await storage.sessions.findByName(ANA, "play")).toMatchObject({ id });
        await storage.sessions.purged();
        expect(await storage.sessions.counts(named.id)).toMatchObject({ messages: 0 });
        expect(await storage.sessions.counts(id)).toMatchObject({ messages: 1 });
      },
    );

    it("leaves pinned sessions alone until they are unpinned", async () => {
      const { storage, clock } = await open();
      const { id } = await newSession(storage);
      await storage.sessions.update(id, { pinned: true });
      clock.advance(100 * MAX_AGE);
      expect(await storage.sessions.findById(id)).toBeDefined();
      expect(await storage.sessions.deleteExpired()).toBe(0);
      await storage.sessions.update(id, { pinned: false });
      expect(await storage.sessions.findById(id)).toBeDefined(); // that was an activity
      clock.advance(MAX_AGE);
      expect(await storage.sessions.findById(id)).toBeUndefined();
      expect(await storage.sessions.deleteExpired()).toBe(1);
    });

    it("leaves a session alone while a client in it is present, and no longer", async () => {
      const opened = await open();
      const { storage, clock } = opened;
      const { id } = await newSession(storage, { name: "work" });
      const idle = await newSession(storage);
      clock.advance(MAX_AGE);
      const client = await newClient(opened, { sessionId: id });
      const lives = async () => {
        const found = await storage.sessions.findById(id);
        expect(await storage.sessions.findByName(ANA, "work")).toEqual(found);
        const { sessions } = await storage.sessions.list(ANA, { limit: 9 });
        expect(sessions.map((session) => session.id)).toEqual(found === undefined ? [] : [id]);
        return found !== undefined;
      };
      expect(await lives()).toBe(true);
      expect(await storage.sessions.deleteExpired()).toBe(1); // the idle one
      expect(await storage.sessions.counts(idle.id)).toMatchObject({ messages: 0 });
      clock.advance(PRESENCE - 1);
      expect(await lives()).toBe(true);
      await storage.clients.present([client.id], clock.now() + PRESENCE);
      clock.advance(PRESENCE - 1);
      expect(await lives()).toBe(true);
      clock.advance(1);
      expect(await lives()).toBe(false);
      await storage.clients.present([client.id], clock.now() + PRESENCE);
      expect(await lives()).toBe(true);
      await storage.clients.end(client.id);
      expect(await lives()).toBe(false);
    });

    it("leaves a client alone, and its session, while it is connected to any process, whatever the time", async () => {
      const opened = await open();
      const { storage, clock } = opened;
      const { id } = await newSession(storage);
      const instanceId = await newInstance(opened);
      const client = await newConnection(opened, instanceId, { sessionId: id, presentUntil: 0 });
      const lives = async () => [
        (await storage.sessions.findById(id)) !== undefined,
        (await storage.clients.find(ANA, client.id)) !== undefined,
        (await storage.sessions.deleteExpired()) + (await storage.clients.deleteExpired()) === 0,
      ];
      clock.advance(10 * MAX_AGE);
      expect(await lives()).toEqual([true, true, true]);
      clock.jump(10 * MAX_AGE);
      expect(await lives()).toEqual([true, true, true]);
      await storage.clients.changeConnections(instanceId, { added: [], removed: [client.id] });
      expect(await lives()).toEqual([false, false, false]);
    });

    it("leaves a client alone, and its session, while a call of it is open", async () => {
      const opened = await open();
      const { storage, clock } = opened;
      const { id } = await newSession(storage);
      const client = await newClient(opened, { sessionId: id, presentUntil: 0 });
      const stream = await storage.streams.openRequests(client.id, "i", [newRequest(1)], "");
      clock.advance(10 * MAX_AGE);
      expect(await storage.sessions.findById(id)).toBeDefined();
      expect(await storage.clients.find(ANA, client.id)).toBeDefined();
      expect(await storage.sessions.deleteExpired()).toBe(0);
      expect(await storage.clients.deleteExpired()).toBe(0);
      await storage.streams.answer(stream.id, 1, "{}", "i");
      expect(await storage.sessions.deleteExpired()).toBe(1);
      expect(await storage.clients.deleteExpired()).toBe(1);
    });

    it("leaves a session alone in which a call runs, until it ends or its process is forgotten", async () => {
      const opened = await open();
      const { storage, clock } = opened;
      const instanceId = await newInstance(opened);
      const { session } = await storage.sessions.create({ id: newId(), owner: ANA, keepMs: 10 });
      const { id } = session;
      const run = (change: { added?: string[]; removed?: string[] }) =>
        storage.sessions.changeRunning(instanceId, { added: [], removed: [], ...change });
      const lives = async () => (await storage.sessions.findById(id)) !== undefined;
      await run({ added: [id, newId()] });
      clock.advance(10 * MAX_AGE);
      expect([await lives(), await storage.sessions.deleteExpired()]).toEqual([true, 0]);
      await run({ removed: [id] });
      expect(await lives()).toBe(false);
      await run({ added: [id] });
      expect(await lives()).toBe(true);
      await storage.instances.remove(instanceId);
      expect([await lives(), await storage.sessions.deleteExpired()]).toEqual([false, 1]);
    });

    it("leaves a session alone while a question in it is being answered", async () => {
      const opened = await open();
      const { storage, clock } = opened;
      const { id } = await newSession(storage);
      const instanceId = await newInstance(opened);
      const start = await storage.history.beginTurn(id, { instanceId, prompt: "Why?" });
      clock.advance(MAX_AGE);
      expect(await storage.sessions.countExpired()).toBe(0);
      expect(await storage.sessions.deleteExpired()).toBe(0);
      const turn = start.kind === "started" ? start.turn : undefined;
      await storage.history.completeTurn(turn!, { content: "Because.", model: "m" });
      expect((await storage.history.page(id, { limit: 9 })).messages).toMatchObject([
        { seq: 1 },
        { seq: 2 },
      ]);
    });

    it("never comes for a session when the maximum age is never; clients have an age of their own", async () => {
      const opened = await open({ maxAgeMs: Infinity });
      const { storage, clock } = opened;
      const { id } = await newSession(storage, { title: "kept" });
      const client = await newClient(opened);
      clock.advance(1e12); // 31 years
      expect(await storage.sessions.findById(id)).toBeDefined();
      expect(await storage.clients.find(ANA, client.id)).toBeUndefined();
      expect(await storage.sessions.deleteExpired()).toBe(0);
      expect(await storage.clients.deleteExpired()).toBe(1);
    });

    it("frees a name at once: the next session of that name has nothing of the old one", async () => {
      const { storage, clock } = await open();
      const old = await newSession(storage, { name: "work", title: "old" });
      await say(storage, old.id, "old");
      await put(storage, old.id, "old");
      clock.advance(MAX_AGE);
      const id = newId();
      expect(await storage.sessions.create({ id, owner: ANA, name: "work" })).toEqual({
        created: true,
        session: expect.objectContaining({ id, title: null, createdAt: clock.now() }),
      });
      expect(await storage.sessions.counts(id)).toMatchObject({ messages: 0, stateKeys: 0 });
      expect(await storage.sessions.countExpired()).toBe(0); // the old one has gone
    });

    it("frees an id at once, for anybody: the next session of that id has nothing of the old one", async () => {
      const { storage, clock } = await open();
      for (const owner of [ANA, BOB]) {
        const old = await newSession(storage, { name: "work" });
        await say(storage, old.id, "old");
        await put(storage, old.id, "old");
        clock.advance(MAX_AGE);
        expect(await storage.sessions.create({ id: old.id, owner })).toMatchObject({
          created: true,
          session: { owner, name: null },
        });
        expect((await storage.history.page(old.id, { limit: 9 })).messages).toEqual([]);
        expect(
          (await storage.state.list(old.id, { prefix: "", after: "", limit: 9 })).entries,
        ).toEqual([]);
      }
    });

    it("takes no living session of another owner with a reused name", async () => {
      const { storage, clock } = await open();
      await newSession(storage, { name: "work" });
      clock.advance(MAX_AGE);
      const bobs = await newSession(storage, { owner: BOB, name: "work" });
      await newSession(storage, { name: "work" });
      expect(await storage.sessions.findByName(BOB, "work")).toEqual(bobs);
    });

    it("is cleaned up with all that the sessions own, and spares the rest", async () => {
      const { storage, clock, rows } = await open();
      const pinned = await newSession(storage);
      await storage.sessions.update(pinned.id, { pinned: true });
      await say(storage, pinned.id, "stays");
      const before = await rows?.();
      for (let n = 0; n < 7; n += 1) {
        const { id } = await newSession(storage);
        await say(storage, id, "goes");
        await put(storage, id, "goes");
      }
      clock.advance(MAX_AGE);
      const fresh = await newSession(storage);
      expect(await storage.sessions.countExpired()).toBe(7);
      expect(await storage.sessions.deleteExpired(AbortSignal.abort())).toBe(0);
      expect(await storage.sessions.countExpired()).toBe(7);
      expect(await storage.sessions.deleteExpired()).toBe(7);
      expect(await storage.sessions.countExpired()).toBe(0);
      expect(await storage.sessions.deleteExpired()).toBe(0);
      expect(await storage.sessions.findById(fresh.id)).toEqual(fresh);
      expect((await storage.history.page(pinned.id, { limit: 9 })).messages).toMatchObject([
        { seq: 1 },
      ]);
      await storage.sessions.delete(fresh.id);
      expect(await rows?.()).toEqual(before);
    });
  });
}

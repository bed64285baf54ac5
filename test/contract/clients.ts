// The contract of ClientStore.
import { describe, expect, it } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import {
  ANA,
  BOB,
  failure,
  MAX_AGE,
  newClient,
  newConnection,
  newInstance,
  newSession,
  type Open,
} from "./engine.ts";

export function clientContract(open: Open): void {
  describe("clients", () => {
    it("are found by their owner as they introduced themselves, and by nobody else", async () => {
      const opened = await open();
      const { storage } = opened;
      const { id: sessionId } = await newSession(storage);
      const client = await newClient(opened, { sessionId, logLevel: "debug" });
      expect(await storage.clients.find(ANA, client.id)).toEqual(client);
      expect(await storage.clients.find(BOB, client.id)).toBeUndefined();
      expect(await storage.clients.find(ANA, newId())).toBeUndefined();
    });

    it("begin epoch after epoch until they have ended", async () => {
      const opened = await open();
      const { clients } = opened.storage;
      const { id } = await newClient(opened);
      expect([await clients.nextEpoch(id), await clients.nextEpoch(id)]).toEqual([1, 2]);
      await clients.end(id);
      expect(await clients.nextEpoch(id)).toBeUndefined();
    });

    it("are listed while they are connected anywhere, of one owner or of all, the last seen first", async () => {
      const opened = await open();
      const { storage, clock } = opened;
      const instance = await newInstance(opened);
      const [first, second, other, gone] = [
        await newClient(opened, { name: "first" }),
        await newClient(opened, { name: "second" }),
        await newClient(opened, { name: "other", owner: BOB }),
        await newClient(opened, { name: "gone" }),
      ];
      await newClient(opened, { name: "never connected" });
      const ids = [first, second, other, gone].map(({ id }) => id);
      await storage.clients.changeConnections(instance, { added: ids, removed: [] });
      await storage.clients.changeConnections(instance, { added: [], removed: [gone.id] });
      await storage.clients.touch(new Map([[first.id, clock.now() + 5]]));
      await storage.clients.touch(new Map([[other.id, clock.now() + 9]]));
      const names = async (owner: string | undefined, limit = 9): Promise<string[]> =>
        (await storage.clients.connected(owner, limit)).map(({ name }) => name);
      expect(await names(ANA)).toEqual(["first", "second"]);
      expect(await names(undefined)).toEqual(["other", "first", "second"]);
      expect(await names(undefined, 1)).toEqual(["other"]);
      await storage.clients.end(first.id);
      expect(await names(ANA)).toEqual(["second"]);
    });

    it("are gone once they have ended, while their session stays", async () => {
      const opened = await open();
      const { storage } = opened;
      const { id: sessionId } = await newSession(storage);
      const [ended, other] = [await newClient(opened, { sessionId }), await newClient(opened)];
      await storage.clients.end(ended.id);
      expect(await storage.clients.find(ANA, ended.id)).toBeUndefined();
      expect(await storage.clients.find(ANA, other.id)).toEqual(other);
      expect(await storage.sessions.findById(sessionId)).toBeDefined();
    });

    it("expire the maximum age after they were last seen", async () => {
      const opened = await open();
      const { storage, clock } = opened;
      const [seen, unseen] = [await newClient(opened), await newClient(opened)];
      clock.advance(MAX_AGE - 1);
      await storage.clients.touch(new Map([[seen.id, clock.now()]]));
      expect(await storage.clients.find(ANA, unseen.id)).toBeDefined();
      clock.advance(1);
      expect(await storage.clients.find(ANA, unseen.id)).toBeUndefined();
      expect(await storage.clients.find(ANA, seen.id)).toBeDefined();
    });

    it("note when they were seen, but never go back in time", async () => {
      const opened = await open();
      const { storage, clock } = opened;
      const { id } = await newClient(opened);
      const later = clock.now() + 5;
      await storage.clients.touch(new Map([[id, later]]));
      await storage.clients.touch(new Map([[id, later - 1]]));
      expect(await storage.clients.find(ANA, id)).toMatchObject({ lastSeenAt: later });
    });

    it("remember their log level and the session they work in", async () => {
      const opened = await open();
      const { storage } = opened;
      const [one, two] = [await newSession(storage), await newSession(storage)];
      const client = await newConnection(opened, await newInstance(opened));
      const other = await newClient(opened);
      await storage.clients.setLogLevel(client.id, "error");
      await storage.clients.setSession(client.id, one.id);
      await storage.clients.setSession(client.id, two.id);
      expect(await storage.clients.find(ANA, client.id)).toEqual({
        ...client,
        logLevel: "error",
        sessionId: two.id,
      });
      expect(await storage.clients.find(ANA, other.id)).toEqual(other);
      expect(await storage.sessions.counts(one.id)).toMatchObject({ connections: 0 });
      expect(await storage.sessions.counts(two.id)).toMatchObject({ connections: 1 });
    });

    it("cannot work in a session that is not there", async () => {
      const opened = await open();
      const { storage } = opened;
      const { id: sessionId } = await newSession(storage);
      const client = await newClient(opened, { sessionId });
      const move = storage.clients.setSession(client.id, newId());
      await expect(move).rejects.toMatchObject(failure("not_found"));
      expect(await storage.clients.find(ANA, client.id)).toEqual(client);
    });

    it("outlive the session they work in", async () => {
      const opened = await open();
      const { storage } = opened;
      const { id: sessionId } = await newSession(storage);
      const client = await newClient(opened, { sessionId, logLevel: "debug" });
      await storage.sessions.delete(sessionId);
      expect(await storage.clients.find(ANA, client.id)).toEqual({ ...client, sessionId: null });
    });

    it("outlive a session that expired and was cleaned up", async () => {
      const opened = await open();
      const { storage, clock } = opened;
      const { id: sessionId } = await newSession(storage);
      const client = await newClient(opened, { sessionId, lastSeenAt: clock.now() + 1 });
      clock.advance(MAX_AGE);
      expect(await storage.sessions.deleteExpired()).toBe(1);
      expect(await storage.clients.find(ANA, client.id)).toEqual({ ...client, sessionId: null });
    });

    it("that ended or expired are cleaned up; living ones and all sessions stay", async () => {
      const opened = await open();
      const { storage, clock } = opened;
      for (let n = 0; n < 3; n += 1) await newClient(opened);
      clock.advance(MAX_AGE);
      const session = await newSession(storage);
      const living = await newClient(opened, { sessionId: session.id });
      for (let n = 0; n < 2; n += 1) {
        const { id } = await newClient(opened, { sessionId: session.id });
        await storage.clients.end(id);
      }
      expect(await storage.clients.countExpired()).toBe(5);
      expect(await storage.clients.deleteExpired()).toBe(5);
      expect(await storage.clients.deleteExpired()).toBe(0);
      expect(await storage.clients.countExpired()).toBe(0);
      expect(await storage.clients.find(ANA, living.id)).toEqual(living);
      expect(await storage.sessions.findById(session.id)).toEqual(session);
    });
  });
}

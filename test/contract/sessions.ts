// The contract of SessionStore: whole operations, owners, names, lists. Not here: expiry (expiry.ts).
import { describe, expect, it } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import { historyUri, sessionUri, stateUri } from "../../src/sessions/uris.ts";
import {
  ANA,
  BOB,
  failure,
  newClient,
  newConnection,
  newInstance,
  newSession,
  type Open,
  put,
  say,
} from "./engine.ts";

export function sessionContract(open: Open): void {
  describe("sessions", () => {
    it("are found by id and by name as they were made", async () => {
      const { storage, clock } = await open();
      const id = newId();
      const made = await storage.sessions.create({
        id,
        owner: ANA,
        name: "wörk 😀",
        title: "Work",
        system: "Be brief.",
      });
      const session = {
        id,
        owner: ANA,
        name: "wörk 😀",
        title: "Work",
        system: "Be brief.",
        pinned: false,
        createdAt: clock.now(),
        lastActiveAt: clock.now(),
        keepMs: null,
        openedBy: null,
      };
      expect(made).toEqual({ session, created: true });
      expect(await storage.sessions.findById(id)).toEqual(session);
      expect(await storage.sessions.findByName(ANA, "wörk 😀")).toEqual(session);
    });

    it("are returned, not made again, for a name or an id that lives", async () => {
      const { storage, clock } = await open();
      const session = await newSession(storage, { name: "work", title: "first" });
      clock.advance(1);
      const again = { session, created: false };
      const { id } = session;
      expect(
        await storage.sessions.create({ id: newId(), owner: ANA, name: "work", title: "second" }),
      ).toEqual(again);
      expect(await storage.sessions.create({ id, owner: ANA })).toEqual(again);
      expect((await storage.sessions.list(ANA, { limit: 10 })).sessions).toHaveLength(1);
    });

    it("are made once when many ask for one name at the same moment", async () => {
      const { storage } = await open();
      const made = await Promise.all(
        Array.from({ length: 20 }, () =>
          storage.sessions.create({ id: newId(), owner: ANA, name: "work" }),
        ),
      );
      expect(made.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(made.map(({ session }) => session.id)).size).toBe(1);
    });

    it("are invisible to every other owner by name and in lists, and by id they say whose they are", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage, { name: "work" });
      expect(await storage.sessions.findById(id)).toMatchObject({ owner: ANA });
      expect(await storage.sessions.findByName(BOB, "work")).toBeUndefined();
      expect(await storage.sessions.list(BOB, { limit: 10 })).toEqual({ sessions: [] });
    });

    it("let every owner use the same names", async () => {
      const { storage } = await open();
      const ana = await newSession(storage, { name: "work" });
      const bob = await newSession(storage, { owner: BOB, name: "work" });
      expect(bob.id).not.toBe(ana.id);
      expect(await storage.sessions.findByName(ANA, "work")).toEqual(ana);
      expect(await storage.sessions.findByName(BOB, "work")).toEqual(bob);
    });

    it("are not given to somebody who asks for another owner's id", async () => {
      const { storage } = await open();
      const session = await newSession(storage, { name: "work" });
      const theft = storage.sessions.create({ id: session.id, owner: BOB, name: "mine" });
      await expect(theft).rejects.toMatchObject(failure("not_found"));
      expect(await storage.sessions.findById(session.id)).toEqual(session);
      expect(await storage.sessions.list(BOB, { limit: 10 })).toEqual({ sessions: [] });
    });

    it("may be without a name, any number of them", async () => {
      const { storage } = await open();
      await newSession(storage);
      await newSession(storage);
      expect((await storage.sessions.list(ANA, { limit: 10 })).sessions).toHaveLength(2);
    });

    it("change only in what an update names, and count as active then", async () => {
      const { storage, clock } = await open();
      const session = await newSession(storage, { name: "work", title: "t", system: "s" });
      clock.advance(5);
      const titled = { ...session, title: "new", lastActiveAt: clock.now() };
      expect(await storage.sessions.update(session.id, { title: "new" })).toEqual(titled);
      const pinned = { ...titled, system: null, pinned: true };
      expect(await storage.sessions.update(session.id, { system: null, pinned: true })).toEqual(
        pinned,
      );
      expect(await storage.sessions.findById(session.id)).toEqual(pinned);
      const unpinned = await storage.sessions.update(session.id, { pinned: false });
      expect(unpinned).toEqual({ ...pinned, pinned: false });
      await expect(storage.sessions.update(newId(), { title: "x" })).rejects.toMatchObject(
        failure("not_found"),
      );
    });

    it("note activity, but never go back in time", async () => {
      const { storage, clock } = await open();
      const [one, two] = [await newSession(storage), await newSession(storage)];
      const later = clock.now() + 5;
      await storage.sessions.touch(new Map([[one.id, later]]));
      await storage.sessions.touch(
        new Map([
          [one.id, later - 1],
          [two.id, later + 1],
          [newId(), later],
        ]),
      );
      expect(await storage.sessions.findById(one.id)).toMatchObject({
        lastActiveAt: later,
      });
      expect(await storage.sessions.findById(two.id)).toMatchObject({
        lastActiveAt: later + 1,
      });
    });

    it("count messages, living keys and connected clients, alone and in lists", async () => {
      const opened = await open();
      const { storage, clock } = opened;
      const { id } = await newSession(storage);
      const other = await newSession(storage);
      expect(await storage.sessions.counts(id)).toEqual({
        messages: 0,
        stateKeys: 0,
        connections: 0,
      });
      await say(storage, id, "one");
      await say(storage, id, "two");
      await put(storage, id, "stays");
      await storage.state.set(id, {
        key: "goes",
        value: "1",
        expiresAt: clock.now() + 10,
        maxKeys: 9,
      });
      const here = await newInstance(opened);
      await newConnection(opened, here, { sessionId: id, presentUntil: 0 });
      await newConnection(opened, here, { sessionId: id });
      await newConnection(opened, here, { sessionId: id, endedAt: clock.now() });
      await newClient(opened, { sessionId: id });
      await newConnection(opened, here, { sessionId: other.id });
      clock.advance(10);
      const counts = { messages: 2, stateKeys: 1, connections: 2 };
      expect(await storage.sessions.counts(id)).toEqual(counts);
      const { sessions } = await storage.sessions.list(ANA, { limit: 10 });
      expect(sessions.find((session) => session.id === id)).toMatchObject(counts);
      expect(await storage.sessions.counts(newId())).toEqual({
        messages: 0,
        stateKeys: 0,
        connections: 0,
      });
    });

    it("count a client once, until it has left every process that it was connected to", async () => {
      const opened = await open();
      const { sessions, clients, instances } = opened.storage;
      const { id: sessionId } = await newSession(opened.storage);
      const [one, two] = [await newInstance(opened), await newInstance(opened)];
      const { id } = await newConnection(opened, one, { sessionId });
      const connections = async (except?: string) =>
        (await sessions.counts(sessionId, except)).connections;
      await clients.changeConnections(one, { added: [id], removed: [] });
      await clients.changeConnections(two, { added: [id, newId()], removed: [] });
      await clients.changeConnections(newId(), { added: [id], removed: [] });
      expect(await connections()).toBe(1);
      expect(await connections(id)).toBe(0);
      await clients.changeConnections(one, { added: [], removed: [id] });
      expect(await connections()).toBe(1);
      await instances.remove(two);
      expect(await connections()).toBe(0);
    });

    it("count whoever listens to something of theirs and may see it", async () => {
      const opened = await open();
      const { sessions, subscriptions } = opened.storage;
      const { id } = await newSession(opened.storage);
      const here = await newInstance(opened);
      const follow = async (uri: string, owner: string): Promise<void> => {
        const client = await newConnection(opened, here, { owner, lastSeenAt: 0 });
        await subscriptions.subscribe(client.id, [uri], 9);
      };
      await follow(sessionUri(id), ANA);
      await follow(stateUri(id, "k"), ANA);
      await follow(sessionUri(`${id}0`), ANA);
      await follow(historyUri(id), BOB);
      expect(await sessions.counts(id)).toMatchObject({ connections: 2 });
      await sessions.grant(id, { principal: BOB, access: "read" }, 9);
      expect(await sessions.counts(id)).toMatchObject({ connections: 3 });
    });

    it("are emptied in part or in all without touching another session", async () => {
      const { storage } = await open();
      const [one, two] = [await newSession(storage), await newSession(storage)];
      const fill = async (id: string) => {
        await say(storage, id, "hello");
        await put(storage, id, "key");
      };
      await fill(one.id);
      await fill(two.id);
      const full = { messages: 1, stateKeys: 1 };
      await storage.sessions.clear(one.id, "history");
      expect(await storage.sessions.counts(one.id)).toMatchObject({ messages: 0, stateKeys: 1 });
      expect(await say(storage, one.id, "first again")).toMatchObject({ seq: 1 });
      await storage.sessions.clear(one.id, "state");
      expect(await storage.sessions.counts(one.id)).toMatchObject({ messages: 1, stateKeys: 0 });
      await fill(one.id);
      await storage.sessions.clear(one.id, "all");
      expect(await storage.sessions.counts(one.id)).toMatchObject({ messages: 0, stateKeys: 0 });
      expect(await storage.sessions.counts(two.id)).toMatchObject(full);
      expect(await storage.sessions.findById(one.id)).toMatchObject({ id: one.id });
    });

    it("take all they own with them when they are deleted, and nothing else", async () => {
      const opened = await open();
      const { storage, rows } = opened;
      const instanceId = await newInstance(opened);
      const { id } = await newSession(storage, { name: "work" });
      const before = await rows?.();
      const doomed = await newSession(storage, { name: "doomed" });
      await say(storage, doomed.id, "unforgettable");
      await put(storage, doomed.id, "key");
      await storage.history.beginTurn(doomed.id, { instanceId, prompt: "And?" });
      await storage.sessions.delete(doomed.id);
      expect(await storage.sessions.findById(doomed.id)).toBeUndefined();
      expect(await rows?.()).toEqual(before);
      // The same id again finds nothing of the old one.
      await newSession(storage, { id: doomed.id });
      expect((await storage.history.page(doomed.id, { limit: 9 })).messages).toEqual([]);
      expect(
        await storage.history.search({ session: doomed.id }, "unforgettable", {
          limit: 9,
          among: 9,
        }),
      ).toEqual([]);
      expect(await storage.state.get(doomed.id, "key")).toBeUndefined();
      expect(
        await storage.history.beginTurn(doomed.id, { instanceId, prompt: "And?" }),
      ).toMatchObject({ kind: "started", turn: { question: { seq: 1 } } });
      expect(await storage.sessions.findById(id)).toMatchObject({ name: "work" });
      await storage.sessions.delete(newId()); // nothing there is no error
    });
  });
}

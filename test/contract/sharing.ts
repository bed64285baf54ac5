// The contract of what several principals mean for sessions: grants, lists, news, and how many sessions one may have.
import { describe, expect, it } from "vitest";
import type { Principal } from "../../src/auth/principal.ts";
import { newId } from "../../src/lib/ids.ts";
import type { Grant } from "../../src/sessions/store.ts";
import { ANA, BOB, failure, MAX_AGE, newClient, newSession, type Open, say } from "./engine.ts";

const READ: Grant = { principal: BOB, access: "read" };
const WRITE: Grant = { principal: BOB, access: "write" };

export function sharingContract(open: Open): void {
  describe("grants", () => {
    it("let in whom they name, into that session, until they are taken back", async () => {
      const { sessions } = (await open()).storage;
      const make = async () => (await sessions.create({ id: newId(), owner: ANA })).session.id;
      const [id, other] = [await make(), await make()];
      expect(await sessions.granted(id, BOB)).toBeUndefined();
      await sessions.grant(id, READ, 9);
      expect(await sessions.granted(id, BOB)).toBe("read");
      expect(await sessions.granted(id, "bo")).toBeUndefined();
      expect(await sessions.granted(id, "Bob")).toBeUndefined();
      expect(await sessions.granted(id, ANA)).toBeUndefined();
      expect(await sessions.granted(other, BOB)).toBeUndefined();
      expect(await sessions.ungrant(other, BOB)).toBe(false);
      expect(await sessions.ungrant(id, BOB)).toBe(true);
      expect(await sessions.ungrant(id, BOB)).toBe(false);
      expect(await sessions.granted(id, BOB)).toBeUndefined();
    });

    it("are one for each principal, the last one, in the order of their names", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      const { sessions } = storage;
      await sessions.grant(id, READ, 9);
      await sessions.grant(id, { principal: "zoë 😀", access: "read" }, 9);
      await sessions.grant(id, { principal: "al", access: "write" }, 9);
      await sessions.grant(id, WRITE, 9);
      const names = ["al", BOB, "zoë 😀"];
      expect((await sessions.grants(id)).map(({ principal }) => principal)).toEqual(names);
      expect(await sessions.granted(id, BOB)).toBe("write");
      await sessions.grant(id, READ, 9);
      expect(await sessions.granted(id, BOB)).toBe("read");
    });

    it("are limited for each session: one too many changes nothing, a known one can change", async () => {
      const { storage } = await open();
      const { sessions } = storage;
      const [{ id }, other] = [await newSession(storage), await newSession(storage)];
      await sessions.grant(id, { principal: "a", access: "read" }, 2);
      await sessions.grant(id, READ, 2);
      const third = sessions.grant(id, { principal: "c", access: "read" }, 2);
      await expect(third).rejects.toMatchObject(failure("limit"));
      await sessions.grant(id, WRITE, 2);
      expect(await sessions.grants(id)).toEqual([{ principal: "a", access: "read" }, WRITE]);
      await sessions.grant(other.id, READ, 2);
      await sessions.ungrant(id, "a");
      await sessions.grant(id, { principal: "c", access: "read" }, 2);
    });

    it("and credentials must hold when something is written, not only before", async () => {
      const { storage, clock } = await open();
      const { id } = await newSession(storage);
      const set = (by: Principal) =>
        storage.state.set(id, { key: "k", value: "1", expiresAt: null, maxKeys: 9, by });
      const token = { id: "client a", until: clock.now() + 1 };
      await set({ id: ANA, credentials: token });
      await expect(set({ id: BOB })).rejects.toMatchObject(failure("not_found"));
      await storage.sessions.grant(id, READ, 9);
      await expect(set({ id: BOB })).rejects.toMatchObject(failure("forbidden"));
      await storage.sessions.grant(id, WRITE, 9);
      await set({ id: BOB });
      await expect(set({ id: BOB, scope: "read" })).rejects.toMatchObject(failure("forbidden"));
      const key = {
        ...{ id: "k", hash: Buffer.alloc(32), principal: ANA, scope: "write" as const },
      };
      const at = { createdAt: clock.now(), lastUsedAt: null, revokedAt: null };
      await storage.apiKeys.create({ ...key, ...at, expiresAt: clock.now() + 1 });
      const granted = {
        principal: ANA,
        clientId: "c",
        clientName: "App",
        redirectHost: "a.example",
        passkeyId: null,
      };
      const times = { createdAt: clock.now(), lastUsedAt: clock.now() };
      await storage.oauthGrants.create(
        { id: "g", ...granted, scope: "write", keyId: "k", ...times, expiresAt: clock.now() + 1 },
        9,
      );
      await set({ id: ANA, credentials: { id: "grant g", grant: "g", key: "k" } });
      clock.advance(1);
      for (const credentials of [
        token,
        { id: "key x", key: "x" },
        { id: "key k", key: "k" },
        { id: "grant g", grant: "g" },
        { id: "grant h", grant: "h" },
        { id: "passkey p", passkey: "p" },
      ]) {
        const by = { id: ANA, credentials };
        await expect(set(by)).rejects.toMatchObject(failure("forbidden"));
        const making = storage.sessions.create({ id: newId(), owner: ANA }, 9, by);
        await expect(making).rejects.toMatchObject(failure("forbidden"));
      }
      expect(await storage.state.get(id, "k")).toMatchObject({ version: 3 });
    });

    it("are listed with offers for who gives and who gets them, and for the operator", async () => {
      const { storage, clock } = await open();
      const { sessions } = storage;
      const given = await newSession(storage, { title: "Garden" });
      await sessions.grant(given.id, READ, 9);
      clock.advance(1);
      const offered = await newSession(storage, { owner: "cleo", name: "plans" });
      await sessions.offer(offered.id, WRITE, 9, { ofGiver: 9, ofTaker: 9, between: 9 });
      const shares = async (of?: string, limit = 9) =>
        (await sessions.shares(of, limit)).map(({ createdAt: _, ...share }) => share);
      const first = {
        ...{ session: given.id, name: null, title: "Garden", owner: ANA },
        ...{ ...READ, pending: false },
      };
      const second = {
        ...{ session: offered.id, name: "plans", title: null, owner: "cleo" },
        ...{ ...WRITE, pending: true },
      };
      expect(await shares(ANA)).toEqual([first]);
      expect(await shares(BOB)).toEqual([second, first]);
      expect(await shares("dora")).toEqual([]);
      expect(await shares()).toEqual([second, first]);
      expect(await shares(undefined, 1)).toEqual([second]);
    });

    it("go with their session", async () => {
      const { storage } = await open();
      const { sessions } = storage;
      const { id } = await newSession(storage);
      await sessions.grant(id, READ, 9);
      await sessions.delete(id);
      expect(await sessions.grants(id)).toEqual([]);
      await expect(sessions.grant(id, READ, 9)).rejects.toMatchObject(failure("not_found"));
      await sessions.create({ id, owner: ANA });
      expect(await sessions.granted(id, BOB)).toBeUndefined();
      expect((await sessions.list(BOB, { limit: 9 })).sessions).toEqual([]);
    });

    it("go with an expired session", async () => {
      const { storage, clock } = await open();
      const { sessions } = storage;
      const { id } = await newSession(storage);
      await sessions.grant(id, READ, 9);
      clock.advance(MAX_AGE);
      expect((await sessions.list(BOB, { limit: 9 })).sessions).toEqual([]);
      expect(await sessions.deleteExpired()).toBe(1);
      expect(await sessions.grants(id)).toEqual([]);
    });
  });

  describe("a session by its id alone", () => {
    it("is found whoever owns it, while it lives", async () => {
      const { storage, clock } = await open();
      const { sessions } = storage;
      const [ana, bob] = [await newSession(storage), await newSession(storage, { owner: BOB })];
      expect(await sessions.findById(ana.id)).toEqual(ana);
      expect(await sessions.findById(bob.id)).toEqual(bob);
      expect(await sessions.findById(newId())).toBeUndefined();
      expect(await sessions.findById(ana.id.toUpperCase())).toBeUndefined();
      await sessions.delete(bob.id);
      expect(await sessions.findById(bob.id)).toBeUndefined();
      await sessions.update(ana.id, { title: "new" });
      expect(await sessions.findById(ana.id)).toMatchObject({ title: "new" });
      clock.advance(MAX_AGE);
      expect(await sessions.findById(ana.id)).toBeUndefined();
      await sessions.update((await newSession(storage, { id: ana.id })).id, { pinned: true });
      clock.advance(MAX_AGE);
      expect(await sessions.findById(ana.id)).toMatchObject({ pinned: true });
    });
  });

  describe("shared sessions", () => {
    it("are behind one's own in the list of whom they are shared with, each once, page by page, with its owner", async () => {
      const { storage, clock } = await open();
      const { sessions } = storage;
      const [own, others]: [string[], string[]] = [[], []];
      for (let n = 0; n < 12; n += 1) {
        const { id } = await newSession(storage, { owner: [BOB, ANA, "eve"][n % 3]! });
        if (n % 3 === 1) await sessions.grant(id, n % 2 === 0 ? READ : WRITE, 9);
        if (n % 3 === 1) await sessions.grant(id, { principal: "zoë", access: "read" }, 9);
        if (n % 3 !== 2) (n % 3 === 0 ? own : others).unshift(id);
        clock.advance(1);
      }
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await sessions.list(BOB, {
          limit: 3,
          ...(cursor !== undefined && { cursor }),
        });
        found.push(...page.sessions.map(({ id }) => id));
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      expect(found).toEqual([...own, ...others]);
      const { sessions: listed } = await sessions.list(BOB, { limit: 99 });
      expect(new Set(listed.map(({ owner }) => owner))).toEqual(new Set([ANA, BOB]));
      expect((await sessions.list(ANA, { limit: 99 })).sessions).toHaveLength(4);
    });

    it("are searched and counted like one's own", async () => {
      const { storage } = await open();
      const { sessions } = storage;
      const { id } = await newSession(storage, { title: "Holiday plans" });
      await newSession(storage, { title: "Holiday secrets" });
      await sessions.grant(id, READ, 9);
      await say(storage, id, "hello");
      const found = await sessions.list(BOB, { limit: 9, query: "holiday" });
      expect(found.sessions).toMatchObject([{ id, messages: 1 }]);
      expect((await sessions.list(BOB, { limit: 9, query: "secrets" })).sessions).toEqual([]);
    });

    it("are not found by their owner's name for them, nor as one's own", async () => {
      const { storage } = await open();
      const { sessions } = storage;
      const { id } = await newSession(storage, { name: "work" });
      await sessions.grant(id, WRITE, 9);
      expect(await sessions.findByName(BOB, "work")).toBeUndefined();
      expect(await sessions.findById(id)).toMatchObject({ owner: ANA });
    });
  });

  describe("news of a session", () => {
    it("is for its owner and for whom it is shared with, as of now", async () => {
      const opened = await open();
      const { sessions, subscriptions } = opened.storage;
      const { id } = await newSession(opened.storage);
      const ana = (await newClient(opened)).id;
      const bob = (await newClient(opened, { owner: BOB })).id;
      const eve = (await newClient(opened, { owner: "eve" })).id;
      const uri = `s://${id}`;
      for (const clientId of [ana, bob, eve]) {
        await subscriptions.subscribe(clientId, [uri], 9);
        await subscriptions.subscribe(clientId, [`${uri}/history`], 9);
      }
      const hear = async (audience: { owner: string; session?: string }) => {
        const news = { ...audience, by: undefined };
        const found = await subscriptions.subscribers([{ ...news, uris: [uri] }]);
        const below = await subscriptions.subscribers([{ ...news, uris: [], under: uri }]);
        expect(below.map(({ clientId }) => clientId)).toEqual(
          found.map(({ clientId }) => clientId),
        );
        return found.map(({ clientId }) => clientId).toSorted();
      };
      const news = { owner: ANA, session: id };
      expect(await hear(news)).toEqual([ana]);
      await sessions.grant(id, READ, 9);
      expect(await hear(news)).toEqual([ana, bob].toSorted());
      expect(await hear({ owner: ANA })).toEqual([ana]);
      expect(await hear({ owner: ANA, session: newId() })).toEqual([ana]);
      await sessions.ungrant(id, BOB);
      expect(await hear(news)).toEqual([ana]);
    });
  });

  describe("how many sessions one may have", () => {
    it("is limited for each owner, and a living one is still returned", async () => {
      const { sessions } = (await open()).storage;
      const create = (owner: string, name?: string) =>
        sessions.create({ id: newId(), owner, ...(name !== undefined && { name }) }, 2);
      const { session } = await create(ANA, "work");
      await create(ANA);
      await expect(create(ANA)).rejects.toMatchObject(failure("limit"));
      await expect(create(ANA, "more")).rejects.toMatchObject(failure("limit"));
      expect(await create(ANA, "work")).toEqual({ session, created: false });
      expect(await sessions.create({ id: session.id, owner: ANA }, 2)).toMatchObject({
        created: false,
      });
      expect(await create(BOB)).toMatchObject({ created: true });
      await sessions.delete(session.id);
      expect(await create(ANA)).toMatchObject({ created: true });
      expect((await sessions.list(ANA, { limit: 9 })).sessions).toHaveLength(2);
    });

    it("is kept when many are made at once", async () => {
      const { sessions } = (await open()).storage;
      const made = await Promise.allSettled(
        Array.from({ length: 9 }, () => sessions.create({ id: newId(), owner: ANA }, 4)),
      );
      expect(made.filter(({ status }) => status === "fulfilled")).toHaveLength(4);
    });

    it("counts those only that are there for their owner", async () => {
      const { storage, clock } = await open();
      const { sessions } = storage;
      const create = () => sessions.create({ id: newId(), owner: ANA }, 1);
      await create();
      const shared = await newSession(storage, { owner: BOB });
      await sessions.grant(shared.id, { principal: ANA, access: "write" }, 9);
      await expect(create()).rejects.toMatchObject(failure("limit"));
      clock.advance(MAX_AGE); // expired, and not yet deleted
      expect(await create()).toMatchObject({ created: true });
    });
  });
}

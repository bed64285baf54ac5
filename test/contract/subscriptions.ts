// The contract of SubscriptionStore: who is subscribed to what, and the outboxes.
import { describe, expect, it } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import { MAX_OUTBOX, type SubscriptionStore } from "../../src/updates/store.ts";
import {
  ANA,
  BOB,
  clientOf,
  failure,
  MAX_AGE,
  newClient,
  type Open,
  type Opened,
} from "./engine.ts";

/** Two clients of Ana's and one of Bob's. */
async function setUp(opened: Opened) {
  const { storage, clock } = opened;
  const [{ id: ana }, { id: other }] = [await newClient(opened), await newClient(opened)];
  const { id: bob } = await newClient(opened, { owner: BOB });
  const { subscriptions } = storage;
  return {
    ...{ storage, clock, subscriptions, ana, other, bob },
    subscribe: async (clientId: string, ...uris: string[]) => {
      for (const uri of uris) await subscriptions.subscribe(clientId, [uri], 99);
    },
    post: (clientId: string, ...data: string[]) =>
      subscriptions.post(data.map((message) => ({ clientId, data: message }))),
    /** The uris that a change tells Ana's clients about. */
    told: async (...uris: string[]) => sorted(await found(subscriptions, ANA, uris)),
    below: async (uri: string) => sorted(await found(subscriptions, ANA, [], uri)),
  };
}

/** The subscriptions of an owner that a change is news for. */
const found = (
  subscriptions: SubscriptionStore,
  owner: string,
  uris: readonly string[],
  under?: string,
) => subscriptions.subscribers([{ owner, by: undefined, uris, under }]);

const sorted = (found: readonly { clientId: string; uri: string }[]) =>
  found.map(({ uri }) => uri).toSorted();

export function subscriptionsContract(open: Open): void {
  describe("subscriptions", () => {
    it("are the owner's, one for each client and uri", async () => {
      const { subscriptions, subscribe, ana, other, bob } = await setUp(await open());
      await subscribe(ana, "s://1", "s://2", "s://3", "s://1");
      await subscribe(other, "s://1");
      await subscribe(bob, "s://1", "s://2");
      const those = await found(subscriptions, ANA, ["s://1", "s://2", "s://9"]);
      expect(those).toHaveLength(3);
      expect(those).toEqual(
        expect.arrayContaining([
          { clientId: ana, uri: "s://1" },
          { clientId: ana, uri: "s://2" },
          { clientId: other, uri: "s://1" },
        ]),
      );
      expect(await found(subscriptions, BOB, ["s://2"])).toEqual([{ clientId: bob, uri: "s://2" }]);
      expect(await found(subscriptions, BOB, ["s://3"])).toEqual([]);
      expect(await found(subscriptions, ANA, [])).toEqual([]);
    });

    it("take a path by the letter", async () => {
      const { subscribe, told, ana } = await setUp(await open());
      await subscribe(ana, "s://h/a", "s://h/A", "s://h/a ", "s://h/ü", "s://h/a%");
      expect(await told("s://h/a")).toEqual(["s://h/a"]);
      expect(await told("s://h/%")).toEqual([]);
      expect(await told("s://h/_")).toEqual([]);
      expect(await told("s://h/ü")).toEqual(["s://h/ü"]);
      expect(await told("s://h/a%")).toEqual(["s://h/a%"]);
    });

    it("of uris that are equal are one, told in the spelling that was asked for last", async () => {
      const { subscriptions, told, ana } = await setUp(await open());
      const spellings = ["S://H/a", "s://h/%61", "s://h/./a", "s://H/b/../a"];
      for (const uri of spellings) {
        await subscriptions.subscribe(ana, [uri], 1);
        expect(await told("s://h/a")).toEqual([uri]);
      }
      await subscriptions.unsubscribe(ana, ["s://h/a"]);
      expect(await told("s://h/a")).toEqual([]);
    });

    it("end where they are ended, and nowhere else", async () => {
      const { subscriptions, subscribe, told, ana, other, bob } = await setUp(await open());
      await subscribe(ana, "s://1", "s://2");
      await subscribe(other, "s://1");
      await subscriptions.unsubscribe(ana, ["s://1"]);
      await subscriptions.unsubscribe(ana, ["s://1"]);
      await subscriptions.unsubscribe(bob, ["s://2"]);
      expect(await found(subscriptions, ANA, ["s://1"])).toEqual([
        { clientId: other, uri: "s://1" },
      ]);
      expect(await told("s://2")).toEqual(["s://2"]);
    });

    it("are limited for each client", async () => {
      const { subscriptions, told, ana, other } = await setUp(await open());
      const add = (clientId: string, uri: string) => subscriptions.subscribe(clientId, [uri], 2);
      await add(ana, "s://1");
      await add(ana, "s://1");
      await add(ana, "s://2");
      await expect(add(ana, "s://3")).rejects.toMatchObject(failure("limit"));
      expect(await told("s://1", "s://2", "s://3")).toEqual(["s://1", "s://2"]);
      await add(other, "s://3");
      await subscriptions.unsubscribe(ana, ["s://1"]);
      await add(ana, "s://4");
      expect(await told("s://1", "s://4")).toEqual(["s://4"]);
    });

    it("that come together are stored all or none, also with their client", async () => {
      const opened = await open();
      const { storage, subscriptions, told, ana, subscribe } = await setUp(opened);
      await subscribe(ana, "s://1");
      const more = subscriptions.subscribe(ana, ["s://2", "s://3"], 2);
      await expect(more).rejects.toMatchObject(failure("limit"));
      expect(await told("s://1", "s://2", "s://3")).toEqual(["s://1"]);
      const client = (id: string) => ({ ...clientOf(opened), id });
      const [fits, tooMany] = [client(newId()), client(newId())];
      const uris = ["s://4", "s://5"];
      await storage.clients.create(fits, { uris, max: 2 });
      const created = storage.clients.create(tooMany, { uris, max: 1 });
      await expect(created).rejects.toMatchObject(failure("limit"));
      expect(await storage.clients.find(ANA, tooMany.id)).toBeUndefined();
      expect(await found(subscriptions, ANA, uris)).toEqual(
        uris.map((uri) => ({ clientId: fits.id, uri })),
      );
      await subscriptions.unsubscribe(fits.id, uris);
      expect(await found(subscriptions, ANA, uris)).toEqual([]);
    });

    it("may be repeated at the limit", async () => {
      const { subscriptions, told, ana } = await setUp(await open());
      for (let i = 0; i < 2; i += 1) await subscriptions.subscribe(ana, ["s://1"], 1);
      expect(await told("s://1")).toEqual(["s://1"]);
    });

    it("below a uri are those that continue it with a slash", async () => {
      const { subscribe, below, ana } = await setUp(await open());
      const inside = ["a/b/", "a/b/!", "a/b/c", "a/b/c/d", "a/b/é", "a/b/😀", "a/b/\uffff"];
      await subscribe(ana, ...inside);
      await subscribe(ana, "a", "a/", "a/b", "a/b-c", "a/b.c", "a/b0", "a/b0/c", "a/bc", "a/bc/d");
      await subscribe(ana, "A/B/c", "a/B/c", "x/a/b/c", "a/c/b");
      expect(await below("a/b")).toEqual(inside.toSorted());
      expect(await below("a/bc")).toEqual(["a/bc/d"]);
      expect(await below("b")).toEqual([]);
    });

    it("below a uri take wildcards by the letter", async () => {
      const { subscribe, below, ana } = await setUp(await open());
      await subscribe(ana, "a/b/c", "a/%/c", "a/_/c", "a/*/c", "a/?/c", "a/[b]/c", "a/b/%");
      expect(await below("a/%")).toEqual(["a/%/c"]);
      expect(await below("a/_")).toEqual(["a/_/c"]);
      expect(await below("a/*")).toEqual(["a/*/c"]);
      expect(await below("a/?")).toEqual(["a/?/c"]);
      expect(await below("a/[b]")).toEqual(["a/[b]/c"]);
      expect(await below("%")).toEqual([]);
    });

    it("below a uri are the owner's only", async () => {
      const { subscriptions, subscribe, ana, other, bob } = await setUp(await open());
      for (const clientId of [ana, other, bob]) await subscribe(clientId, "a/b");
      const those = await found(subscriptions, ANA, [], "a");
      expect(those.map(({ clientId }) => clientId).toSorted()).toEqual([ana, other].toSorted());
      expect(await found(subscriptions, BOB, [], "a")).toEqual([{ clientId: bob, uri: "a/b" }]);
    });

    it("of clients that have ended or expired get nothing; a connected client's last", async () => {
      const { storage, clock, subscriptions, subscribe, ana, other } = await setUp(await open());
      await subscribe(ana, "a/b");
      await subscribe(other, "a/b");
      const both = async () => [
        await found(subscriptions, ANA, ["a/b"]),
        await found(subscriptions, ANA, [], "a"),
      ];
      const only = [{ clientId: ana, uri: "a/b" }];
      clock.advance(MAX_AGE - 1);
      expect((await both()).map((found) => found.length)).toEqual([2, 2]);
      clock.advance(1);
      expect(await both()).toEqual([[], []]);
      await storage.clients.present([ana], clock.now() + 2 * MAX_AGE);
      clock.advance(MAX_AGE);
      expect(await both()).toEqual([only, only]);
      expect(await storage.clients.deleteExpired()).toBe(2); // the other's and Bob's
      expect(await both()).toEqual([only, only]);
      await storage.clients.end(ana);
      expect(await both()).toEqual([[], []]);
    });
  });

  describe("outboxes", () => {
    it("keep messages in order until they are taken, once", async () => {
      const { subscriptions, post, ana, other, bob } = await setUp(await open());
      const messages = [
        { clientId: ana, data: '"ü😀"' },
        { clientId: bob, data: '"his"' },
        { clientId: ana, data: "2" },
      ];
      await subscriptions.post(messages);
      await post(ana, "10");
      expect(await subscriptions.take(other)).toEqual([]);
      const taken = await Promise.all([subscriptions.take(ana), subscriptions.take(ana)]);
      expect(taken).toEqual([['"ü😀"', "2", "10"], []]);
      await post(ana, "3");
      expect(await subscriptions.take(ana)).toEqual(["3"]);
      expect(await subscriptions.take(bob)).toEqual(['"his"']);
    });

    it("take their messages also when another client of the batch is gone", async () => {
      const { storage, subscriptions, ana, other } = await setUp(await open());
      await storage.clients.end(other);
      await storage.clients.deleteExpired();
      await subscriptions.post([ana, other].map((clientId) => ({ clientId, data: "1" })));
      expect(await subscriptions.take(ana)).toEqual(["1"]);
    });

    it("tell which of some clients have something waiting", async () => {
      const { subscriptions, post, ana, other, bob } = await setUp(await open());
      expect(await subscriptions.waiting([ana, other, bob])).toEqual([]);
      await post(ana, "1", "2");
      await post(bob, "1");
      const waiting = await subscriptions.waiting([ana, other, bob, "nobody"]);
      expect(waiting.toSorted()).toEqual([ana, bob].toSorted());
      expect(await subscriptions.waiting([other])).toEqual([]);
      await subscriptions.take(ana);
      expect(await subscriptions.waiting([ana, bob])).toEqual([bob]);
    });

    it("are bounded, each on its own: the oldest messages are dropped", async () => {
      const { subscriptions, post, ana, other } = await setUp(await open());
      const numbers = Array.from({ length: MAX_OUTBOX + 3 }, (_, n) => `${n}`);
      await post(other, "first");
      await post(ana, ...numbers.slice(0, MAX_OUTBOX));
      await post(ana, ...numbers.slice(MAX_OUTBOX));
      await post(other, "second");
      expect(await subscriptions.take(ana)).toEqual(numbers.slice(3));
      expect(await subscriptions.take(other)).toEqual(["first", "second"]);
    });
  });
}

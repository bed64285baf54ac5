// The contract of the authorization server's stores: clients, grants, and tokens by their hashes.
import { describe, expect, it } from "vitest";
import {
  FORGET_MS,
  type OAuthClient,
  type OAuthGrant,
  type OAuthRecord,
  type RecordKind,
} from "../../src/oauth/store.ts";
import { ANA, BOB, type Open, type Opened } from "./engine.ts";

const hash = (byte: number): Buffer => Buffer.alloc(32, byte);

function setUp({ storage, clock, rows }: Opened) {
  const { oauthClients: clients, oauthGrants: grants, oauthRecords: records } = storage;
  const client = (id: string, more: Partial<OAuthClient> = {}): OAuthClient => ({
    ...{ id, kind: "registered", metadata: { client_name: "ü😀", redirect_uris: ["https://a/"] } },
    ...{ createdAt: clock.now(), expiresAt: clock.now() + 100, ...more },
  });
  const grant = (id: string, more: Partial<OAuthGrant> = {}): OAuthGrant => ({
    ...{ id, principal: ANA, clientId: "c", clientName: "App", redirectHost: "app.example" },
    ...{
      scope: "read write",
      keyId: "k",
      passkeyId: null,
      createdAt: clock.now(),
      lastUsedAt: clock.now(),
    },
    ...{ expiresAt: clock.now() + 100, ...more },
  });
  const record = (kind: RecordKind, byte: number, more: Partial<OAuthRecord> = {}) => ({
    ...{ kind, hash: hash(byte), grantId: "g", payload: { n: [1, null] } },
    ...{ expiresAt: clock.now() + 50, ...more },
  });
  return {
    ...{ clients, grants, records, clock, rows, client, grant, record },
    addClient: (id: string, max = 9, more?: Partial<OAuthClient>) =>
      clients.create(client(id, more), max),
    addGrant: (id: string, more?: Partial<OAuthGrant>, max = 9) =>
      grants.create(grant(id, more), max),
    ids: async (list: Promise<{ id: string }[]>) => (await list).map(({ id }) => id),
  };
}

export function oauthContract(open: Open): void {
  oauthClientContract(open);
  oauthGrantContract(open);
  oauthRecordContract(open);
}

function oauthClientContract(open: Open): void {
  describe("OAuth clients", () => {
    it("are given back as they were registered, until they expire unused", async () => {
      const { clients, client, addClient, addGrant, clock, ids } = setUp(await open());
      await addClient("a");
      await addClient("used");
      await addClient("mine", 9, { kind: "manual", expiresAt: null });
      expect(await clients.find("a")).toEqual(client("a"));
      await addGrant("g", { clientId: "used" });
      clock.advance(100);
      expect(await clients.find("a")).toBeUndefined();
      expect((await ids(clients.list())).toSorted()).toEqual(["mine", "used"]);
      expect(await clients.countExpired()).toBe(1);
      expect(await clients.deleteExpired()).toBe(1);
    });

    it("that nobody uses are bounded: the oldest make room, and no others", async () => {
      const { clients, addClient, clock, ids } = setUp(await open());
      await addClient("mine", 2, { kind: "manual", expiresAt: null });
      for (const id of ["a", "b", "c"]) {
        clock.advance(1);
        await addClient(id, 2);
      }
      expect(await ids(clients.list())).toEqual(["c", "b", "mine"]);
      // A sign-in under way protects its client, and the one just made stays.
      await clients.extend("b", clock.now() + 500);
      await clients.extend("mine", clock.now() + 500);
      for (const id of ["d", "e"]) {
        clock.advance(1);
        await addClient(id, 2);
      }
      expect(await ids(clients.list())).toEqual(["e", "b", "mine"]);
      expect(await clients.find("mine")).toMatchObject({ expiresAt: null });
    });

    it("that had grants are forgotten a year after they have none any more", async () => {
      const { clients, grants, addClient, addGrant, clock, ids } = setUp(await open());
      for (const id of ["used", "ended", "mine"])
        await addClient(id, 9, id === "mine" ? { kind: "manual", expiresAt: null } : {});
      for (const id of ["used", "ended", "mine"])
        await addGrant(id, { clientId: id, expiresAt: clock.now() + 2 * FORGET_MS });
      for (const id of ["ended", "mine"]) await grants.delete(id);
      clock.advance(FORGET_MS - 1);
      expect(await clients.countExpired()).toBe(0);
      clock.advance(1);
      expect(await clients.deleteExpired()).toBe(1);
      expect((await ids(clients.list())).toSorted()).toEqual(["mine", "used"]);
    });

    it("are deleted with all that was granted to them", async () => {
      const { clients, grants, records, addClient, addGrant, record } = setUp(await open());
      await addClient("c");
      await addGrant("g");
      await records.save(record("RefreshToken", 1));
      await addGrant("of a document", { clientId: "https://app.example/client.json" });
      expect(await clients.delete("c")).toBe(true);
      expect(await clients.delete("https://app.example/client.json")).toBe(true);
      expect(await clients.delete("c")).toBe(false);
      expect(await grants.list()).toEqual([]);
      expect(await records.find("RefreshToken", hash(1))).toBeUndefined();
    });
  });
}

function oauthGrantContract(open: Open): void {
  describe("OAuth grants", () => {
    it("are given back as they were made, and listed by use", async () => {
      const { grants, records, grant, record, addGrant, clock, ids } = setUp(await open());
      await addGrant("g", { keyId: null });
      expect(await grants.find("g")).toEqual(grant("g", { keyId: null }));
      clock.advance(1);
      await addGrant("h");
      await addGrant("bob's", { principal: BOB });
      expect(await ids(grants.list(ANA))).toEqual(["h", "g"]);
      expect(await ids(grants.list())).toHaveLength(3);
      clock.advance(1);
      await records.save(record("AccessToken", 1));
      expect(await ids(grants.list(ANA))).toEqual(["g", "h"]);
    });

    it("store their client where it is known by its document, as it was read last", async () => {
      const { clients, grants, client, grant, clock } = setUp(await open());
      const id = "https://app.example/client.json";
      for (const name of ["Old", "New"]) {
        const documented = { kind: "documented", metadata: { name }, expiresAt: null } as const;
        await grants.create(grant(name, { clientId: id }), 9, client(id, documented));
        expect(await clients.find(id)).toEqual(client(id, documented));
      }
      expect(await grants.anyOf(id)).toBe(true);
      expect(await grants.anyOf("another")).toBe(false);
      clock.advance(100);
      expect(await grants.anyOf(id)).toBe(false);
    });

    it("live as long as their longest token", async () => {
      const { grants, records, record, addGrant, clock } = setUp(await open());
      await addGrant("g");
      const { expiresAt } = (await grants.find("g"))!;
      await records.save(record("AccessToken", 1));
      expect((await grants.find("g"))!.expiresAt).toBe(expiresAt);
      await records.save(record("RefreshToken", 2, { expiresAt: clock.now() + 500 }));
      clock.advance(499);
      expect(await grants.find("g")).toBeDefined();
      clock.advance(1);
      expect(await grants.find("g")).toBeUndefined();
      expect(await grants.list()).toEqual([]);
      expect(await records.save(record("AccessToken", 3))).toBe(false);
      expect(await grants.deleteExpired()).toBe(1);
    });

    it("of one principal are bounded: those that expire first make room, and nobody else's", async () => {
      const { grants, records, record, addGrant, clock, ids } = setUp(await open());
      await addGrant("bob's", { principal: BOB }, 2);
      await addGrant("used", {}, 2);
      const expiresAt = clock.now() + 500;
      await records.save(record("RefreshToken", 1, { grantId: "used", expiresAt }));
      for (const id of ["a", "b"]) {
        clock.advance(1);
        await addGrant(id, {}, 2);
      }
      expect((await ids(grants.list())).toSorted()).toEqual(["b", "bob's", "used"]);
    });

    it("end with all their tokens, and take no new ones", async () => {
      const { grants, records, record, addGrant, rows } = setUp(await open());
      await addGrant("g");
      await records.save(record("AccessToken", 1));
      expect(await records.access(hash(1))).toMatchObject({ grant: { id: "g", principal: ANA } });
      expect(await grants.delete("g")).toBe(true);
      expect(await grants.delete("g")).toBe(false);
      expect(await records.access(hash(1))).toBeUndefined();
      expect(await records.save(record("RefreshToken", 2))).toBe(false);
      if (rows) expect(await rows()).not.toHaveProperty("oauth_records");
    });
  });
}

function oauthRecordContract(open: Open): void {
  describe("OAuth tokens", () => {
    it("are found by kind and hash until they expire, and replaced by a second save", async () => {
      const { records, record, addGrant, clock } = setUp(await open());
      await addGrant("g");
      expect(await records.save(record("AuthorizationCode", 1))).toBe(true);
      const found = (await records.find("AuthorizationCode", hash(1)))!;
      expect({ ...found, hash: Buffer.from(found.hash) }).toEqual({
        ...record("AuthorizationCode", 1),
        consumedAt: null,
      });
      expect(await records.find("RefreshToken", hash(1))).toBeUndefined();
      expect(await records.access(hash(1))).toBeUndefined();
      await records.save(record("AuthorizationCode", 1, { payload: { n: 2 } }));
      expect(await records.find("AuthorizationCode", hash(1))).toMatchObject({ payload: { n: 2 } });
      clock.advance(50);
      expect(await records.find("AuthorizationCode", hash(1))).toBeUndefined();
      expect(await records.consume("AuthorizationCode", hash(1))).toBe(false);
      expect(await records.countExpired()).toBe(1);
      expect(await records.deleteExpired()).toBe(1);
    });

    it("are consumed once, however many ask at the same time", async () => {
      const opened = await open();
      const { records, record, addGrant, clock } = setUp(opened);
      const other = (await opened.another?.())?.oauthRecords ?? records;
      await addGrant("g");
      await records.save(record("AuthorizationCode", 1));
      const asked = [records, other, records, other];
      const won = await Promise.all(
        asked.map((store) => store.consume("AuthorizationCode", hash(1))),
      );
      expect(won.filter(Boolean)).toEqual([true]);
      const { consumedAt } = (await records.find("AuthorizationCode", hash(1)))!;
      expect(consumedAt).toBe(clock.now());
    });

    it("tell when one that came later was used first", async () => {
      const { records, record, addGrant, clock } = setUp(await open());
      await addGrant("g");
      const from = clock.now();
      const firstUse = () => records.firstUse("g", { from, except: hash(1) });
      for (const byte of [1, 2]) await records.save(record("RefreshToken", byte));
      await records.save(record("AccessToken", 3));
      await records.consume("RefreshToken", hash(1));
      expect(await firstUse()).toBeUndefined();
      clock.advance(1);
      await records.consume("AccessToken", hash(3));
      clock.advance(1);
      await records.consume("RefreshToken", hash(2));
      expect(await firstUse()).toBe(from + 1);
      const later = { from: from + 2, except: hash(1) };
      expect(await records.firstUse("g", later)).toBe(from + 2);
      expect(await records.firstUse("h", later)).toBeUndefined();
    });

    it("are deleted one by one, or all of a grant and kind", async () => {
      const { records, record, addGrant } = setUp(await open());
      for (const id of ["g", "h"]) await addGrant(id);
      for (const byte of [1, 2, 3]) await records.save(record("AccessToken", byte));
      await records.save(record("AccessToken", 4, { grantId: "h" }));
      await records.save(record("RefreshToken", 5));
      await records.delete("AccessToken", hash(1));
      await records.delete("AccessToken", hash(1));
      expect(await records.find("AccessToken", hash(2))).toBeDefined();
      await records.deleteOf("AccessToken", "g");
      const left = await Promise.all(
        [1, 2, 3, 4].map((byte) => records.find("AccessToken", hash(byte))),
      );
      expect(left.map(Boolean)).toEqual([false, false, false, true]);
      expect(await records.find("RefreshToken", hash(5))).toBeDefined();
    });

    it("without a grant are bounded: those that expire first make room", async () => {
      const { records, record, clock } = setUp(await open());
      for (const byte of [1, 2, 3]) {
        clock.advance(1);
        await records.save(record("Interaction", byte, { grantId: null }), 2);
      }
      const left = await Promise.all([1, 2, 3].map((n) => records.find("Interaction", hash(n))));
      expect(left.map(Boolean)).toEqual([false, true, true]);
    });

    it("are signed by one key, whoever offers the first", async () => {
      const opened = await open();
      const { records } = setUp(opened);
      const other = (await opened.another?.())?.oauthRecords ?? records;
      const keys = await Promise.all([
        records.signingKey({ kid: "1" }),
        other.signingKey({ kid: "2" }),
      ]);
      expect(keys[1]).toEqual(keys[0]);
      expect(await records.signingKey({ kid: "3" })).toEqual(keys[0]);
    });
  });
}

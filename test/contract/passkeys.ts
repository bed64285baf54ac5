// The contract of PasskeyStore: passkeys, what ends with them, and the challenges that they sign.
import { describe, expect, it } from "vitest";
import type { Passkey } from "../../src/auth/passkeys.ts";
import { ANA, BOB, type Open, type Opened } from "./engine.ts";

const hash = (byte: number): Buffer => Buffer.alloc(32, byte);

function setUp({ storage, clock, rows }: Opened) {
  const { passkeys, browserSessions, oauthGrants } = storage;
  const passkey = (id: string, more: Partial<Passkey> = {}): Passkey => ({
    ...{ id, credentialId: `credential ${id}`, publicKey: Buffer.from([1, 0, 255]), counter: 0 },
    ...{ transports: ["internal", "hybrid"], principal: ANA, scope: "write", keyId: "k" },
    ...{ label: "ü😀", createdAt: clock.now(), lastUsedAt: null, ...more },
  });
  return {
    ...{ passkeys, browserSessions, oauthGrants, clock, rows, passkey },
    add: (id: string, more?: Partial<Passkey>, max = 9) => passkeys.create(passkey(id, more), max),
    challenge: (byte: number, principal: string | null = null, max = 9) =>
      passkeys.addChallenge(
        { hash: hash(byte), principal, expiresAt: clock.now() + 100 + byte },
        max,
      ),
    take: (byte: number, principal: string | null = null) =>
      passkeys.takeChallenge({ hash: hash(byte), principal }),
  };
}

export function passkeyContract(open: Open): void {
  describe("passkeys", () => {
    it("are given back as they were enrolled, by both of their ids, the oldest first", async () => {
      const { passkeys, passkey, add, clock } = setUp(await open());
      expect(await passkeys.any()).toBe(false);
      const first = passkey("b");
      expect(await add("b")).toBe("created");
      clock.advance(1);
      expect(await add("a", { principal: BOB, keyId: null, transports: [] })).toBe("created");
      const found = (await passkeys.find("b"))!;
      expect({ ...found, publicKey: Buffer.from(found.publicKey) }).toEqual(first);
      expect(await passkeys.findByCredential("credential a")).toMatchObject({
        ...{ id: "a", keyId: null, transports: [] },
      });
      expect(await passkeys.findByCredential("b")).toBeUndefined();
      expect((await passkeys.list()).map(({ id }) => id)).toEqual(["b", "a"]);
      expect((await passkeys.list(BOB)).map(({ id }) => id)).toEqual(["a"]);
      expect(await passkeys.any()).toBe(true);
    });

    it("of one principal are bounded, and a credential is enrolled once", async () => {
      const { add } = setUp(await open());
      expect(await add("a", {}, 2)).toBe("created");
      expect(await add("b", { credentialId: "credential a", principal: BOB })).toBe("known");
      const several = await Promise.all(["c", "d", "e"].map((id) => add(id, {}, 2)));
      expect(several.toSorted()).toEqual(["created", "full", "full"]);
      expect(await add("f", { principal: BOB }, 2)).toBe("created");
    });

    it("are used with a counter that grows, or with none, however many try at once", async () => {
      const { passkeys, add, clock } = setUp(await open());
      await add("a");
      const at = clock.now();
      expect(await passkeys.use("a", { counter: 0, at })).toBe(true);
      expect(await passkeys.use("a", { counter: 0, at: at + 1 })).toBe(true);
      const equal = await Promise.all(
        [5, 5, 5].map((counter) => passkeys.use("a", { counter, at })),
      );
      expect(equal.filter(Boolean)).toHaveLength(1);
      for (const counter of [5, 4, 0])
        expect(await passkeys.use("a", { counter, at: at + 9 })).toBe(false);
      expect(await passkeys.find("a")).toMatchObject({ counter: 5, lastUsedAt: at });
      expect(await passkeys.use("b", { counter: 1, at })).toBe(false);
    });

    it("end with the sign-ins and grants that came of them, no others, and bring no more", async () => {
      const { passkeys, browserSessions, oauthGrants, add, clock } = setUp(await open());
      await add("a");
      await add("b");
      const times = { createdAt: clock.now(), expiresAt: clock.now() + 100 };
      const by = { principal: ANA, keyId: null, ...times };
      const signIn = async (byte: number, passkeyId: string | null) => {
        const session = { hash: hash(byte), kind: "session", scope: "write", passkeyId } as const;
        const client = { clientId: "c", clientName: "App", redirectHost: "a.example" };
        const grant = { id: `${byte}`, scope: "read", lastUsedAt: clock.now(), passkeyId };
        return [
          await browserSessions.create({ ...by, ...session }, 9),
          await oauthGrants.create({ ...by, ...client, ...grant }, 9),
        ];
      };
      for (const [byte, passkeyId] of [
        [1, "a"],
        [2, "b"],
        [3, null],
      ] as const)
        expect(await signIn(byte, passkeyId)).toEqual([true, true]);
      expect(await passkeys.delete("a")).toBe(true);
      expect(await passkeys.delete("a")).toBe(false);
      expect(await passkeys.find("a")).toBeUndefined();
      expect(await signIn(4, "a")).toEqual([false, false]);
      for (const byte of [1, 4]) {
        expect(await browserSessions.find(hash(byte))).toBeUndefined();
        expect(await oauthGrants.find(`${byte}`)).toBeUndefined();
      }
      for (const byte of [2, 3]) {
        expect(await browserSessions.find(hash(byte))).toBeDefined();
        expect(await oauthGrants.find(`${byte}`)).toBeDefined();
      }
    });
  });

  describe("challenges for passkeys", () => {
    it("are taken once, by who got them, until they expire", async () => {
      const { challenge, take, clock } = setUp(await open());
      await challenge(1);
      await challenge(2, ANA);
      expect([await take(1, ANA), await take(2), await take(2, BOB), await take(9)]).toEqual(
        Array.from({ length: 4 }, () => false),
      );
      const taken = await Promise.all([take(1), take(1), take(1)]);
      expect(taken.filter(Boolean)).toHaveLength(1);
      expect(await take(2, ANA)).toBe(true);
      await challenge(3);
      clock.advance(103);
      expect(await take(3)).toBe(false);
    });

    it("are bounded: the oldest make room, those of others stay", async () => {
      const { challenge, take } = setUp(await open());
      await challenge(1, ANA);
      await challenge(2, ANA, 2);
      await challenge(3, BOB, 2);
      await challenge(4, null, 2);
      await challenge(5, ANA, 2);
      expect(await take(1, ANA)).toBe(false);
      expect([await take(2, ANA), await take(5, ANA)]).toEqual([true, true]);
      expect([await take(3, BOB), await take(4)]).toEqual([true, true]);
    });

    it("are counted and deleted when they have expired", async () => {
      const { passkeys, challenge, add, clock, rows } = setUp(await open());
      await add("a");
      await challenge(1);
      await challenge(5);
      expect(await passkeys.countExpired()).toBe(0);
      clock.advance(101);
      expect(await passkeys.countExpired()).toBe(1);
      expect(await passkeys.deleteExpired()).toBe(1);
      if (rows) expect(await rows()).toMatchObject({ passkey_challenges: 1, passkeys: 1 });
      expect(await passkeys.find("a")).toBeDefined();
    });
  });
}

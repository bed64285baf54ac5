// The contract of BrowserSessionStore: sign-ins of browsers and one-time links.
import { describe, expect, it } from "vitest";
import type { BrowserSession } from "../../src/auth/browser-sessions.ts";
import { ANA, BOB, type Open, type Opened } from "./engine.ts";

const hash = (byte: number): Buffer => Buffer.alloc(32, byte);

const newSession = (
  { clock }: Opened,
  byte: number,
  more: Partial<BrowserSession> = {},
): BrowserSession => ({
  hash: hash(byte),
  kind: "session",
  principal: ANA,
  scope: "write",
  keyId: "k",
  passkeyId: null,
  createdAt: clock.now(),
  expiresAt: clock.now() + 100,
  ...more,
});

export function browserSessionContract(open: Open): void {
  describe("sessions of browsers", () => {
    it("are found by their hash until they expire or are deleted", async () => {
      const opened = await open();
      const { browserSessions } = opened.storage;
      const session = newSession(opened, 1, { scope: "admin", keyId: null });
      await browserSessions.create(session, 9);
      await browserSessions.create(newSession(opened, 2), 9);
      const found = (await browserSessions.find(hash(1)))!;
      expect({ ...found, hash: Buffer.from(found.hash) }).toEqual(session);
      expect(await browserSessions.find(hash(3))).toBeUndefined();
      await browserSessions.delete(hash(2));
      await browserSessions.delete(hash(2));
      expect(await browserSessions.find(hash(2))).toBeUndefined();
      opened.clock.advance(100);
      expect(await browserSessions.find(hash(1))).toBeUndefined();
    });

    it("of one principal are bounded: the oldest make room, and nobody else's", async () => {
      const opened = await open();
      const { browserSessions } = opened.storage;
      await browserSessions.create(newSession(opened, 9, { principal: BOB }), 2);
      for (const byte of [1, 2, 3]) {
        opened.clock.advance(1);
        await browserSessions.create(newSession(opened, byte), 2);
      }
      const there = await Promise.all([9, 1, 2, 3].map((n) => browserSessions.find(hash(n))));
      expect(there.map(Boolean)).toEqual([true, false, true, true]);
    });

    it("are listed by their principal, and end all but one", async () => {
      const opened = await open();
      const { browserSessions } = opened.storage;
      const made: Partial<BrowserSession>[] = [
        ...[{}, { expiresAt: opened.clock.now() + 5 }, { kind: "link" as const }, {}],
        { principal: BOB },
      ];
      for (const [n, more] of made.entries()) {
        opened.clock.advance(1);
        await browserSessions.create(newSession(opened, n + 1, more), 9);
      }
      const listed = async (principal: string): Promise<number[]> =>
        (await browserSessions.list(principal)).map((one) => Buffer.from(one.hash)[0]!);
      expect([await listed(ANA), await listed(BOB)]).toEqual([[4, 1], [5]]);
      expect(await browserSessions.deleteOthers(ANA, hash(1))).toBe(3);
      expect([await listed(ANA), await listed(BOB)]).toEqual([[1], [5]]);
      expect(await browserSessions.find(hash(3))).toBeUndefined();
    });

    it("come from a link once, however many ask at the same time", async () => {
      const opened = await open();
      const { browserSessions } = opened.storage;
      const link = newSession(opened, 1, { kind: "link", keyId: null, scope: "admin" });
      await browserSessions.create(link, 9);
      const expiresAt = opened.clock.now() + 1_000;
      const session = (byte: number) => ({ hash: hash(byte), createdAt: 5, expiresAt });
      const redeemed = await Promise.all(
        [2, 3].map((byte) => browserSessions.redeem(hash(1), session(byte))),
      );
      expect(redeemed.toSorted()).toEqual([false, true]);
      const won = redeemed[0] ? 2 : 3;
      expect(await browserSessions.find(hash(1))).toBeUndefined();
      expect(await browserSessions.find(hash(5 - won))).toBeUndefined();
      const found = (await browserSessions.find(hash(won)))!;
      expect({ ...found, hash: Buffer.from(found.hash) }).toEqual({
        ...link,
        hash: hash(won),
        kind: "session",
        createdAt: 5,
        expiresAt,
      });
      expect(await browserSessions.redeem(hash(won), session(7))).toBe(false);
    });

    it("do not come from an expired link", async () => {
      const opened = await open();
      const { browserSessions } = opened.storage;
      await browserSessions.create(newSession(opened, 1, { kind: "link" }), 9);
      opened.clock.advance(100);
      const session = { hash: hash(2), createdAt: 0, expiresAt: opened.clock.now() + 9 };
      expect(await browserSessions.redeem(hash(1), session)).toBe(false);
    });

    it("are counted and deleted when they have expired", async () => {
      const opened = await open();
      const { browserSessions } = opened.storage;
      for (const byte of [1, 2, 3])
        await browserSessions.create(newSession(opened, byte, { principal: `${byte}` }), 9);
      await browserSessions.create(
        newSession(opened, 4, { expiresAt: opened.clock.now() + 101 }),
        9,
      );
      expect(await browserSessions.countExpired()).toBe(0);
      opened.clock.advance(100);
      expect(await browserSessions.countExpired()).toBe(3);
      expect(await browserSessions.deleteExpired()).toBe(3);
      expect(await browserSessions.find(hash(4))).toBeDefined();
    });
  });
}

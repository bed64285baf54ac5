// The contract of AuditStore: entries in order, kept for a year, whatever becomes of what they tell of.
import { describe, expect, it } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import { ANA, BOB, newSession, type Open, say } from "./engine.ts";

const YEAR = 365 * 24 * 3_600_000;

const entry = (subject: string, detail: string | null = null) => ({
  ...{ principal: ANA, action: "session shared", subject, detail },
});

export function auditContract(open: Open): void {
  describe("the audit", () => {
    it("lists what was noted and when, the newest first, as many as are asked for", async () => {
      const { storage, clock } = await open();
      const { audit } = storage;
      expect(await audit.list(9)).toEqual([]);
      const at = clock.now();
      await audit.note(entry("1", "wörk 😀"));
      await audit.note({ ...entry("2"), principal: BOB });
      clock.advance(1);
      await audit.note(entry("3"));
      const listed = await audit.list(9);
      expect(listed).toMatchObject([
        { ...entry("3"), at: at + 1 },
        { ...entry("2"), principal: BOB, at },
        { ...entry("1", "wörk 😀"), at },
      ]);
      expect(await audit.list(2)).toEqual(listed.slice(0, 2));
      expect(await audit.list(9, listed[0]!.id)).toEqual(listed.slice(1));
      expect(await audit.list(9, listed[2]!.id)).toEqual([]);
      for (const { action } of listed)
        expect(await audit.last(action)).toEqual(listed.find((one) => one.action === action));
      expect(await audit.last("never done")).toBeUndefined();
    });

    it("keeps the order of what happened at one moment", async () => {
      const { audit } = (await open()).storage;
      const subjects = Array.from({ length: 20 }, (_, n) => `${n}`);
      await Promise.all(subjects.map((subject) => audit.note(entry(subject))));
      const listed = (await audit.list(99)).map(({ subject }) => subject);
      expect(listed).toEqual(subjects.toReversed());
    });

    it("has an entry with the write that it is about, and none with a write that was refused", async () => {
      const { storage } = await open();
      const { audit, sessions } = storage;
      const { id } = await newSession(storage);
      const isTrue = (result: unknown) => (result === true ? entry(id) : undefined);
      const share = (principal: string) =>
        audit.noteWith(
          () => entry(principal),
          () => sessions.grant(id, { principal, access: "read" }, 2),
        );
      const shares = await Promise.allSettled(["a", "b", "c", "d"].map(share));
      expect(shares.map(({ status }) => status)).toEqual([
        ...["fulfilled", "fulfilled", "rejected", "rejected"],
      ]);
      expect((await audit.list(9)).map(({ subject }) => subject)).toEqual(["b", "a"]);
      const unshare = () => audit.noteWith(isTrue, () => sessions.ungrant(id, "a"));
      expect(await Promise.all([unshare(), unshare()])).toEqual([true, false]);
      expect((await audit.list(9)).map(({ subject }) => subject)).toEqual([id, "b", "a"]);
    });

    it("has no entry for a gift that is refused, and one for a gift that takes several writes", async () => {
      const { storage } = await open();
      const { audit, sessions } = storage;
      const { id } = await newSession(storage);
      for (let n = 0; n < 60; n += 1) await say(storage, id, `${n}`);
      await newSession(storage, { owner: BOB });
      const give = (max: number) =>
        audit.noteWith(
          () => entry(id),
          () => sessions.give(id, BOB, max),
        );
      await expect(give(1)).rejects.toMatchObject({ code: "limit" });
      expect(await audit.list(9)).toEqual([]);
      await give(2);
      expect(await audit.list(9)).toHaveLength(1);
    });

    it("has one entry for an act of several writes", async () => {
      const { audit, sessions } = (await open()).storage;
      const make = () => sessions.create({ id: newId(), owner: ANA });
      await audit.noteWith(
        () => entry("1"),
        () => Promise.all([make(), make()]),
      );
      expect(await audit.list(9)).toHaveLength(1);
    });

    it("outlives the session that it tells of", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      await storage.audit.note(entry(id));
      await storage.sessions.delete(id);
      expect(await storage.audit.list(9)).toMatchObject([{ subject: id }]);
    });

    it("forgets what is older than a year", async () => {
      const { storage, clock } = await open();
      const { audit } = storage;
      for (const subject of ["1", "2", "3"]) await audit.note(entry(subject));
      clock.advance(1);
      await audit.note(entry("4"));
      clock.advance(YEAR - 1);
      expect(await audit.countExpired()).toBe(0);
      clock.advance(1);
      expect(await audit.countExpired()).toBe(3);
      expect(await audit.deleteExpired()).toBe(3);
      expect(await audit.deleteExpired()).toBe(0);
      expect(await audit.list(9)).toMatchObject([{ subject: "4" }]);
    });
  });
}

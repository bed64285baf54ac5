// The contract of StateStore: values, versions, compare-and-set, expiry, lists.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import type { StateWrite } from "../../src/state/store.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { runs } from "../support/runs.ts";
import { failure, newSession, type Open, put } from "./engine.ts";

const write = (more: Partial<StateWrite> = {}): StateWrite => ({
  key: "k",
  value: "1",
  expiresAt: null,
  maxKeys: 1_000,
  ...more,
});

const keys = async (storage: Storage, id: string, prefix = "", after = "", limit = 1_000) =>
  (await storage.state.list(id, { prefix, after, limit })).entries.map(({ key }) => key);

/** The order of a list: that of the keys' UTF-8 bytes. */
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

export function stateContract(open: Open): void {
  describe("state", () => {
    it("gives back what was set, in its own session only", async () => {
      const { storage, clock } = await open();
      const [one, two] = [await newSession(storage), await newSession(storage)];
      const value = JSON.stringify({ deep: [1, null, "ü😀\u2028'\"\\"] });
      const entry = { key: "k", value, version: 1, updatedAt: clock.now(), expiresAt: null };
      expect(await storage.state.set(one.id, write({ value }))).toEqual(entry);
      expect(await storage.state.get(one.id, "k")).toEqual(entry);
      expect(await storage.state.get(one.id, "K")).toBeUndefined();
      expect(await storage.state.get(two.id, "k")).toBeUndefined();
      expect(await keys(storage, two.id)).toEqual([]);
    });

    it("counts a key's versions one by one, and a key made anew from 1", async () => {
      const { storage, clock } = await open();
      const { id } = await newSession(storage);
      await put(storage, id, "k", "1");
      clock.advance(3);
      expect(await put(storage, id, "k", "2")).toMatchObject({
        version: 2,
        value: "2",
        updatedAt: clock.now(),
      });
      expect(await put(storage, id, "other")).toMatchObject({ version: 1 });
      expect(await storage.state.delete(id, "k")).toBe(true);
      expect(await storage.state.get(id, "k")).toBeUndefined();
      expect(await storage.state.delete(id, "k")).toBe(false);
      expect(await put(storage, id, "k")).toMatchObject({ version: 1 });
    });

    it("changes a key only from the version that was named", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      const conflict = failure("conflict");
      const set = (ifVersion: number, value: string) =>
        storage.state.set(id, write({ ifVersion, value }));
      await expect(set(1, "absent")).rejects.toMatchObject(conflict);
      expect(await storage.state.get(id, "k")).toBeUndefined();
      expect(await set(0, "1")).toMatchObject({ version: 1 });
      await expect(set(0, "2")).rejects.toMatchObject(conflict);
      expect(await set(1, "3")).toMatchObject({ version: 2 });
      await expect(set(1, "4")).rejects.toMatchObject(conflict);
      await expect(set(3, "5")).rejects.toMatchObject(conflict);
      expect(await storage.state.get(id, "k")).toMatchObject({ version: 2, value: "3" });
      await expect(storage.state.delete(id, "k", 1)).rejects.toMatchObject(conflict);
      await expect(storage.state.delete(id, "k", 0)).rejects.toMatchObject(conflict);
      expect(await storage.state.get(id, "k")).toBeDefined();
      expect(await storage.state.delete(id, "k", 2)).toBe(true);
      expect(await storage.state.delete(id, "k", 0)).toBe(false);
    });

    it("lets exactly one of many win a compare-and-set", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      const race = await Promise.allSettled(
        Array.from({ length: 10 }, (_, n) =>
          storage.state.set(id, write({ ifVersion: 0, value: String(n) })),
        ),
      );
      const won = race.filter((outcome) => outcome.status === "fulfilled");
      expect(won).toHaveLength(1);
      expect(await storage.state.get(id, "k")).toEqual(won[0]!.value);
    });

    it("answers an expired key as absent in every way, at once", async () => {
      const { storage, clock } = await open();
      const { id } = await newSession(storage);
      const expiresAt = clock.now() + 10;
      expect(await storage.state.set(id, write({ expiresAt }))).toMatchObject({ expiresAt });
      await put(storage, id, "stays");
      clock.advance(9);
      expect(await storage.state.get(id, "k")).toBeDefined();
      expect(await storage.state.countExpired()).toBe(0);
      clock.advance(1);
      expect(await storage.state.get(id, "k")).toBeUndefined();
      expect(await keys(storage, id)).toEqual(["stays"]);
      expect(await storage.state.countExpired()).toBe(1);
      await expect(storage.state.set(id, write({ ifVersion: 1 }))).rejects.toMatchObject(
        failure("conflict"),
      );
      expect(await storage.state.set(id, write({ ifVersion: 0 }))).toMatchObject({
        version: 1,
        expiresAt: null,
      });
      expect(await storage.state.countExpired()).toBe(0);
      await storage.state.set(id, write({ expiresAt: clock.now() + 10 }));
      clock.advance(10);
      expect(await storage.state.delete(id, "k")).toBe(false);
    });

    it("forgets an expiry when the key is set without one", async () => {
      const { storage, clock } = await open();
      const { id } = await newSession(storage);
      await storage.state.set(id, write({ expiresAt: clock.now() + 10 }));
      await storage.state.set(id, write({ value: "2" }));
      clock.advance(10);
      expect(await storage.state.get(id, "k")).toMatchObject({ version: 2 });
    });

    it("refuses a key too many, counting only living ones, and still changes those", async () => {
      const { storage, clock } = await open();
      const [full, other] = [await newSession(storage), await newSession(storage)];
      const set = (key: string, more: Partial<StateWrite> = {}, id = full.id) =>
        storage.state.set(id, write({ key, maxKeys: 2, ...more }));
      await set("a");
      await set("b", { expiresAt: clock.now() + 10 });
      await expect(set("c")).rejects.toMatchObject(failure("limit"));
      expect(await set("a", { value: "2" })).toMatchObject({ version: 2 });
      await set("c", {}, other.id);
      clock.advance(10);
      await set("c");
      await expect(set("b")).rejects.toMatchObject(failure("limit"));
      expect(await keys(storage, full.id)).toEqual(["a", "c"]);
    });

    it("cannot be set in a session that is not there", async () => {
      const { storage } = await open();
      await expect(put(storage, newId(), "k")).rejects.toMatchObject(failure("not_found"));
      expect(await storage.state.delete(newId(), "k")).toBe(false);
    });

    it("is listed in key order, page by page", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      for (const key of ["b", "a", "c/2", "c/10", "B", "ä", "c"]) await put(storage, id, key);
      const ordered = ["B", "a", "b", "c", "c/10", "c/2", "ä"];
      expect(await keys(storage, id)).toEqual(ordered);
      expect(await keys(storage, id, "", "", 3)).toEqual(ordered.slice(0, 3));
      expect(await keys(storage, id, "", "b", 3)).toEqual(ordered.slice(3, 6));
      expect(await keys(storage, id, "c", "c", 9)).toEqual(["c/10", "c/2"]);
      expect(await keys(storage, id, "b", "c", 9)).toEqual([]);
    });

    it.each(["%", "_", "a%", "\\", "*", "[a]", "'", "😀", "👩‍👩", "ä", "a\u0308", "\u{10FFFD}"])(
      "is listed by the prefix %j as it stands",
      async (prefix) => {
        const { storage } = await open();
        const { id } = await newSession(storage);
        const wanted = [prefix, `${prefix}/1`, `${prefix}😀`, `${prefix}\u{10FFFD}`];
        const others = ["x", "ab", "aé", "😁", "👩", `x${prefix}`, "AA", "Ä", "\uFFFD"];
        for (const key of [...wanted, ...others]) await put(storage, id, key);
        expect(await keys(storage, id, prefix)).toEqual(wanted.toSorted(byBytes));
      },
    );

    it("is listed by any prefix and in any page size like a sorted list of its keys", async () => {
      const { storage } = await open();
      // Few characters, chosen at the edges of UTF-8 and UTF-16, so that keys are often prefixes of others.
      const character = fc.constantFrom("a", "%", "\u007F", "\uFFFF", "😀", "\u{10FFFF}");
      const text = fc.array(character, { maxLength: 6 }).map((parts) => parts.join(""));
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(text, { minLength: 1, maxLength: 12 }),
          text,
          fc.integer({ min: 1, max: 5 }),
          async (all, prefix, limit) => {
            const { id } = await newSession(storage);
            await Promise.all(all.map((key) => put(storage, id, key)));
            const found: string[] = [];
            for (;;) {
              const page = await keys(storage, id, prefix, found.at(-1) ?? "", limit);
              found.push(...page);
              if (page.length < limit) break;
            }
            // "" is no key: nothing comes before the first page.
            const wanted = all.filter((key) => key !== "" && key.startsWith(prefix));
            expect(found).toEqual(wanted.toSorted(byBytes));
          },
        ),
        {
          numRuns: runs(150),
          examples: [[["\u{10FFFF}".repeat(4), "a" + "\u{10FFFF}".repeat(5)], "", 5]],
        },
      );
    });

    it("that expired is cleaned up in all sessions; the rest stays", async () => {
      const { storage, clock } = await open();
      const [one, two] = [await newSession(storage), await newSession(storage)];
      for (const key of ["a", "b", "c"])
        for (const { id } of [one, two])
          await storage.state.set(id, write({ key, expiresAt: clock.now() + 10 }));
      await storage.state.set(one.id, write({ key: "later", expiresAt: clock.now() + 11 }));
      await put(storage, one.id, "never");
      clock.advance(10);
      expect(await storage.state.countExpired()).toBe(6);
      expect(await storage.state.deleteExpired()).toBe(6);
      expect(await storage.state.countExpired()).toBe(0);
      expect(await storage.state.deleteExpired()).toBe(0);
      expect(await keys(storage, one.id)).toEqual(["later", "never"]);
      expect(await keys(storage, two.id)).toEqual([]);
    });
  });
}

// The contract of SigningKeyStore, and of SigningKeys on top of it: keys that are shared, replaced and forgotten.
import { describe, expect, it } from "vitest";
import { SigningKeys } from "../../src/protocol/signing-keys.ts";
import type { Open, Opened } from "./engine.ts";

const DAY = 24 * 3_600_000;
/** A key signs for so long, and verifies for as long again. */
const ROTATION = 30 * DAY;

const secret = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

function setUp({ storage, clock, rows }: Opened) {
  const store = storage.signingKeys;
  return {
    ...{ store, clock, rows },
    /** Offers a key; it is taken when there is none younger than `young`. */
    add: (byte: number, young = DAY, old = 2 * DAY) =>
      store.add(secret(byte), { oldest: clock.now() - young, expired: clock.now() - old }),
    /** First bytes of the keys that are not older than `age`. */
    list: async (age = 2 * DAY) =>
      (await store.list(clock.now() - age)).map((key) => Uint8Array.from(key.secret)[0]),
    keys: () => new SigningKeys(store, clock),
  };
}

const hex = (keys: readonly Uint8Array[]): string[] =>
  keys.map((key) => Buffer.from(key).toString("hex"));

export function signingKeysContract(open: Open): void {
  describe("signing keys", () => {
    it("are given back as they were added, with the time", async () => {
      const { store, add, clock } = setUp(await open());
      expect(await store.list(0)).toEqual([]);
      await add(7);
      const [key, ...others] = await store.list(0);
      expect(others).toEqual([]);
      expect(Uint8Array.from(key!.secret)).toEqual(secret(7));
      expect(key!.createdAt).toBe(clock.now());
    });

    it("are added one at a time, however many are offered at once", async () => {
      const { add, list } = setUp(await open());
      await Promise.all([1, 2, 3, 4, 5].map((byte) => add(byte)));
      expect(await list()).toHaveLength(1);
      await add(6);
      expect(await list()).not.toContain(6);
    });

    it("are added when the youngest is older than asked, and listed newest first", async () => {
      const { add, list, clock } = setUp(await open());
      await add(1);
      clock.advance(DAY);
      await add(2); // the first is not older than a day
      expect(await list()).toEqual([1]);
      clock.advance(1);
      await add(3);
      expect(await list()).toEqual([3, 1]);
    });

    it("are listed up to an age, and deleted beyond it with the next that is added", async () => {
      const { add, list, clock, rows } = setUp(await open());
      await add(1);
      clock.advance(2 * DAY);
      expect(await list(2 * DAY)).toEqual([1]);
      expect(await list(2 * DAY - 1)).toEqual([]);
      await add(2);
      expect(await list(9 * DAY)).toEqual([2, 1]);
      clock.advance(1);
      await add(3); // not taken, but the first is too old now
      expect(await list(9 * DAY)).toEqual([2]);
      if (rows) expect(await rows()).toMatchObject({ signing_keys: 1 });
    });

    it("are made when first needed: one, the same for every process and after a restart", async () => {
      const { keys } = setUp(await open());
      const [one, two] = await Promise.all([keys().all(), keys().all()]);
      expect(one).toHaveLength(1);
      expect(one[0]).toHaveLength(32);
      expect(hex(two)).toEqual(hex(one));
      expect(hex(await keys().all())).toEqual(hex(one));
    });

    it("are replaced after 30 days; a replaced one verifies for 30 days more", async () => {
      const { keys, clock } = setUp(await open());
      const all = async () => hex(await keys().all());
      const [first] = await all();
      clock.advance(ROTATION);
      expect(await all()).toEqual([first]);
      clock.advance(1);
      const [second, ...replaced] = await all();
      expect(second).not.toBe(first);
      expect(replaced).toEqual([first]);
      clock.advance(ROTATION - 1);
      expect(await all()).toEqual([second, first]);
      clock.advance(1);
      expect(await all()).toEqual([second]);
      clock.advance(ROTATION);
      const third = await all();
      expect(third).toHaveLength(2);
      expect(third[1]).toBe(second);
    });
  });
}

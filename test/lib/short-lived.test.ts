import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { ShortLivedMap, ShortLivedSet } from "../../src/lib/collections/short-lived.ts";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as (options?: { type: "minor" }) => void;

test("a map keeps its entries and their order, however many came and went", () => {
  const map = new ShortLivedMap<string, number>();
  for (let i = 0; i < 1_000; i++) {
    map.set(`key ${i}`, i);
    if (i >= 3) expect(map.delete(`key ${i - 3}`)).toBe(true);
  }
  expect([...map]).toEqual([
    ["key 997", 997],
    ["key 998", 998],
    ["key 999", 999],
  ]);
  expect([map.size, map.get("key 998"), map.get("key 5"), map.has("key 5")]).toEqual([
    ...[3, 998, undefined, false],
  ]);
  expect(map.delete("key 5")).toBe(false);
  map.clear();
  expect([map.size, ...map.keys()]).toEqual([0]);
});

test("deleting every value while reading a set reads each once", () => {
  const set = new ShortLivedSet<number>();
  for (let i = 0; i < 300; i++) set.add(i);
  const seen: number[] = [];
  for (const value of set) {
    seen.push(value);
    set.delete(value);
  }
  expect(seen).toEqual(Array.from({ length: 300 }, (_, i) => i));
  expect(set.size).toBe(0);
});

test("what has left a map is not kept beside long-lived memory, as a plain Map of V8 keeps it", () => {
  const plain = keptAfter(new Map());
  const ours = keptAfter(new ShortLivedMap());
  expect(ours).toBeLessThan(plain / 4);
});

/** Bytes of long-lived memory that 20,000 entries of a kilobyte have taken, of which 16 at a time were in the map. */
function keptAfter(map: Map<number, unknown> | ShortLivedMap<number, unknown>): number {
  const churn = (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      map.set(
        i,
        Array.from({ length: 128 }, () => i),
      );
      map.delete(i - 16);
      if (i % 200 === 0) gc({ type: "minor" });
    }
  };
  churn(0, 16);
  gc(); // the map's table is old now
  const before = longLived();
  churn(16, 20_000);
  return longLived() - before;
}

const longLived = (): number =>
  getHeapSpaceStatistics().find(({ space_name: name }) => name === "old_space")!.space_used_size;

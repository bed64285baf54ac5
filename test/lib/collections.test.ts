// Counts and places of what comes and goes all the time.
import { expect, it } from "vitest";
import { Bag } from "../../src/lib/collections/bag.ts";
import { CountByKey } from "../../src/lib/collections/count-by-key.ts";

it("a count goes with its last holder, once, and its key is not told any more", () => {
  const counts = new CountByKey();
  const leave = [counts.add("a"), counts.add("a", 2), counts.add("b")];
  expect([counts.of("a"), counts.of("b"), counts.total]).toEqual([3, 1, 4]);
  leave[0]!();
  leave[0]!();
  expect([counts.of("a"), counts.keys]).toEqual([2, ["a", "b"]]);
  leave[1]!();
  expect([counts.of("a"), counts.keys, counts.total]).toEqual([0, ["b"], 1]);
  counts.add("a");
  expect(counts.of("a")).toBe(1);
});

it("counts stay right while many keys are forgotten", () => {
  const counts = new CountByKey();
  const kept = counts.add("kept");
  for (let key = 0; key < 1_000; key++) {
    const leave = [counts.add(`${key}`), counts.add("kept")];
    for (const one of leave) one();
  }
  expect([counts.keys, counts.total]).toEqual([["kept"], 1]);
  kept();
  kept();
  expect([counts.keys, counts.total]).toEqual([[], 0]);
});

it("a bag has what was added and not removed, whatever the order", () => {
  const bag = new Bag<number>();
  const places = [0, 1, 2, 3, 4].map((value) => bag.add(value));
  expect(places.map((place) => bag.remove(place)).length).toBe(5);
  expect(bag.values).toEqual([]);
  const [first, second, third] = [bag.add(1), bag.add(2), bag.add(3)];
  expect(bag.remove(first)).toBe(true);
  expect(bag.remove(first)).toBe(false);
  expect(bag.values.toSorted()).toEqual([2, 3]);
  bag.remove(third);
  expect([bag.size, bag.values]).toEqual([1, [2]]);
  bag.remove(second);
  expect(bag.places).toEqual([]);
});

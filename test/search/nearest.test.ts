// The nearest vectors of many: the same ones as in a comparison with all of them.
import { expect, it } from "vitest";
import { VectorSet } from "../../src/models/nearest.ts";

const LIMIT = 20;
/** Texts with less in common have nothing to do with each other. */
const LEAST = 0.25;

/** Unit vectors around a few topics, from a seed. */
function maker(length: number): () => Float32Array {
  let state = 7;
  const random = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const direction = (): number[] => Array.from({ length }, random);
  const topics = Array.from({ length: 50 }, direction);
  return () => {
    const topic = topics[Math.floor((random() + 0.5) * topics.length)]!;
    const [share, own] = [0.5 + random(), direction()];
    const vector = Float32Array.from(own, (number, i) => number + share * topic[i]!);
    const norm = Math.hypot(...vector);
    return vector.map((number) => number / norm);
  };
}

it.each([
  ["few", 300, 32],
  ["many short ones", 21_000, 30],
  ["many long ones", 21_000, 258],
])("are found among %s", async (_, count, length) => {
  const make = maker(length);
  const set = new VectorSet(length);
  const all = Array.from({ length: count }, make);
  for (const [id, vector] of all.entries()) set.add(id, vector);
  for (const query of [make(), make(), all[count - 1]!]) {
    const similarity = (vector: Float32Array): number =>
      vector.reduce((sum, number, i) => sum + number * query[i]!, 0);
    const expected = all
      .map((vector, id) => ({ id, similarity: similarity(vector) }))
      .toSorted((a, b) => b.similarity - a.similarity)
      .filter((one) => one.similarity >= LEAST)
      .slice(0, LIMIT);
    expect(expected.length).toBeGreaterThan(5);
    const found = await set.nearest(query, LIMIT);
    expect(found.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
    for (const [at, one] of found.entries())
      expect(one.similarity).toBeCloseTo(expected[at]!.similarity, 4);
  }
});

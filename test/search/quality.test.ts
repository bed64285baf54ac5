// How well search finds, over the judged set: floors that a change must not fall below. `npm run bench -- search` has the figures
// over more messages, beside other programs'.
import { expect, it } from "vitest";
import { HistorySearch } from "../../src/chat/history-search.ts";
import { openStorage } from "../../src/storage/open.ts";
import { judgedCorpus } from "./judged/corpus.ts";
import { figuresOf, storeCorpus } from "./judged/figures.ts";

const DISTRACTORS = 1_500;
/** A kind of few queries may miss one. */
const FLOOR = 0.85;
const FLOOR_OF_A_KIND = 0.7;

it("finds what people ask for, nearly always first, in every kind of query", async () => {
  const clock = { now: () => Date.UTC(2026, 6, 1), monotonic: () => 0 };
  const expiry = { maxAgeMs: Infinity };
  const storage = await openStorage({ folder: undefined, durability: "normal", clock, expiry });
  const corpus = judgedCorpus(DISTRACTORS);
  const search = new HistorySearch(storage.history, storage.state);
  const figures = await figuresOf(corpus.queries, await storeCorpus(storage, search, corpus));
  await storage.close();
  expect(corpus.queries.length).toBeGreaterThanOrEqual(150);
  expect(figures.get("all")!.recall).toBeGreaterThanOrEqual(FLOOR);
  expect(figures.get("all")!.mrr).toBeGreaterThanOrEqual(FLOOR);
  expect(figures.get("phrase")!.precision).toBeGreaterThanOrEqual(0.97);
  for (const [kind, { recall, mrr }] of figures) {
    expect(recall, kind).toBeGreaterThanOrEqual(FLOOR_OF_A_KIND);
    expect(mrr, kind).toBeGreaterThanOrEqual(kind === "short" ? 0.3 : FLOOR_OF_A_KIND);
  }
});

// The figures of a search over the judged set: recall@10, mean reciprocal rank, and for phrases precision@10.
import type { HistorySearch } from "../../../src/chat/history-search.ts";
import { AppError } from "../../../src/lib/errors.ts";
import { newId } from "../../../src/lib/ids.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import type { Corpus, JudgedQuery } from "./corpus.ts";

const OWNER = "ana";
const AMONG_FIRST = 10;

/** Labels of what was found, the best first. Undefined for what has no label. */
export type Found = readonly (string | undefined)[];

export interface Figures {
  queries: number;
  recall: number;
  /** Mean reciprocal rank of the first right one. */
  mrr: number;
  precision: number;
}

/** By kind, and over all queries under "all". */
export type FiguresByKind = Map<string, Figures>;

export async function figuresOf(
  queries: readonly JudgedQuery[],
  search: (query: JudgedQuery) => Promise<Found>,
  onMiss: (query: JudgedQuery, found: Found) => void = () => undefined,
): Promise<FiguresByKind> {
  const sums = new Map<string, Figures>();
  for (const query of queries) {
    const found = (await search(query)).slice(0, AMONG_FIRST);
    const relevant = new Set(query.relevant);
    const right = found.filter((label) => label !== undefined && relevant.has(label)).length;
    const first = found.findIndex((label) => label !== undefined && relevant.has(label));
    if (first !== 0) onMiss(query, found);
    for (const kind of [query.kind, "all"]) {
      const sum = sums.get(kind) ?? { queries: 0, recall: 0, mrr: 0, precision: 0 };
      sums.set(kind, sum);
      sum.queries += 1;
      sum.recall += right / Math.min(relevant.size, AMONG_FIRST);
      sum.mrr += first === -1 ? 0 : 1 / (first + 1);
      sum.precision += found.length === 0 ? 0 : right / found.length;
    }
  }
  for (const sum of sums.values())
    for (const name of ["recall", "mrr", "precision"] as const) sum[name] /= sum.queries;
  return sums;
}

/** Stores the corpus as one principal's conversations; returns the search in all of them. */
export async function storeCorpus(
  storage: Storage,
  history: HistorySearch,
  { conversations }: Corpus,
): Promise<(query: JudgedQuery) => Promise<Found>> {
  const labels = new Map<string, string | undefined>();
  for (const { title, messages, facts } of conversations) {
    const id = newId();
    const createdAt = Math.min(...messages.map((message) => message.createdAt));
    await storage.transfer.restore(
      {
        ...{ id, title, owner: OWNER, name: null, system: null, pinned: false },
        ...{ createdAt, lastActiveAt: createdAt },
      },
      (async function* () {
        for (const { label, key } of facts) labels.set(`${id} ${key}`, label);
        yield facts.map(({ key, value }) => ({
          type: "state" as const,
          entry: {
            key,
            value: JSON.stringify(value),
            version: 1,
            updatedAt: createdAt,
            expiresAt: null,
          },
        }));
        yield messages.map(({ label, ...message }, i) => {
          labels.set(`${id} ${i + 1}`, label);
          return {
            type: "message" as const,
            message: {
              ...{ ...message, seq: i + 1, status: "complete" as const, author: OWNER },
              ...{ model: null, inputTokens: null, outputTokens: null, requestKey: null },
            },
          };
        });
      })(),
      Infinity,
    );
  }
  return async ({ query, kind }) => {
    if (kind === "state") {
      const found = await history.facts({ principal: OWNER }, query, AMONG_FIRST);
      return found.map(({ session, key }) => labels.get(`${session} ${key}`));
    }
    // A query that is refused finds nothing.
    const hits = await history
      .search({ principal: OWNER }, query, AMONG_FIRST)
      .catch((error: unknown) => {
        if (error instanceof AppError && error.code === "invalid") return [];
        throw error;
      });
    return hits.map(({ session, seq }) => labels.get(`${session} ${seq}`));
  };
}

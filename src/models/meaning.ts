// Search by meaning: compares the vector of a query with those of messages, all of them, in this process. Vectors are kept in memory
// for the scopes that were searched last.
import { setImmediate as nextTurn } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import type { Found, MeaningSearch, SearchScope, VectorStore } from "../chat/store.ts";
import { AppError } from "../lib/errors.ts";
import type { EmbeddingEndpoint } from "./embeddings.ts";

const TIMEOUT_MS = 5_000;
/** Time in which a failed endpoint is not asked again. */
const REST_MS = 15_000;
const MAX_VECTORS = 200_000;
const MAX_BYTES = 512 * 2 ** 20;
const PAGE = 5_000;
/** Vectors that are compared without a pause for other calls. */
const PIECE = 10_000;
/** Vectors are read anew after this time: sessions change hands. */
const FRESH_MS = 600_000;
/** Texts with less in common have nothing to do with each other, for nearly all models. */
const MIN_SIMILARITY = 0.25;

interface Kept {
  ids: number[];
  vectors: Float32Array[];
  /** Number of the last one. */
  seq: number;
}

export class VectorSearch implements MeaningSearch {
  readonly #store: VectorStore;
  readonly #endpoint: Pick<EmbeddingEndpoint, "model" | "embed">;
  readonly #kept = new LRUCache<string, Kept>({ max: 32, ttl: FRESH_MS });
  #failed: { at: number; error: unknown } | undefined;

  constructor(store: VectorStore, endpoint: Pick<EmbeddingEndpoint, "model" | "embed">) {
    this.#store = store;
    this.#endpoint = endpoint;
  }

  async find(scope: SearchScope, text: string, limit: number): Promise<Found[]> {
    const query = await this.#embed(text);
    const { ids, vectors } = await this.#vectorsOf(scope);
    const best: { id: number; similarity: number }[] = [];
    for (const [at, vector] of vectors.entries()) {
      if (at % PIECE === PIECE - 1) await nextTurn();
      if (vector.length !== query.length) continue;
      const similarity = product(query, vector);
      if (similarity < MIN_SIMILARITY) continue;
      if (best.length === limit && similarity <= best.at(-1)!.similarity) continue;
      const place = best.findLastIndex((one) => one.similarity >= similarity) + 1;
      best.splice(place, 0, { id: ids[at]!, similarity });
      if (best.length > limit) best.pop();
    }
    return this.#store.messages(
      scope,
      best.map(({ id }) => id),
    );
  }

  async #embed(text: string): Promise<Float32Array> {
    const failed = this.#failed;
    if (failed !== undefined && performance.now() - failed.at < REST_MS) throw failed.error;
    try {
      const [vector] = await this.#endpoint.embed([text], TIMEOUT_MS);
      this.#failed = undefined;
      return vector!;
    } catch (error) {
      this.#failed = { at: performance.now(), error };
      throw error instanceof AppError
        ? error
        : new AppError("model", "no vector", { cause: error });
    }
  }

  async #vectorsOf(scope: SearchScope): Promise<Kept> {
    const key = JSON.stringify(scope);
    const kept = this.#kept.get(key) ?? { ids: [], vectors: [], seq: 0 };
    for (;;) {
      const rows = await this.#store.after(scope, this.#endpoint.model, kept.seq, PAGE);
      for (const { seq, id, vector } of rows) {
        if (seq <= kept.seq) continue; // another search has read it meanwhile
        kept.seq = seq;
        if (vector.length === 0) continue;
        kept.ids.push(id);
        kept.vectors.push(vector);
      }
      if (rows.length < PAGE || kept.ids.length >= MAX_VECTORS) break;
    }
    this.#kept.set(key, kept);
    this.#makeRoom(key);
    return kept;
  }

  #makeRoom(newest: string): void {
    const bytesOf = ({ vectors }: Kept): number => vectors.length * (vectors[0]?.byteLength ?? 0);
    let bytes = [...this.#kept.values()].reduce((sum, one) => sum + bytesOf(one), 0);
    for (const key of [...this.#kept.rkeys()]) {
      if (bytes <= MAX_BYTES) return;
      if (key === newest) continue;
      bytes -= bytesOf(this.#kept.peek(key)!);
      this.#kept.delete(key);
    }
  }
}

function product(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

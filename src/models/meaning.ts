// Search by meaning: compares the vector of a query with those of messages, in this process. Vectors are kept in memory for the
// scopes that were searched last.
import { LRUCache } from "lru-cache";
import type { Found, MeaningSearch, SearchScope, VectorStore } from "../chat/store.ts";
import { AppError } from "../lib/errors.ts";
import type { EmbeddingEndpoint } from "./embeddings.ts";
import { VectorSet } from "./nearest.ts";

const TIMEOUT_MS = 5_000;
/** Time in which a failed endpoint is not asked again. */
const REST_MS = 15_000;
const MAX_VECTORS = 200_000;
const MAX_BYTES = 512 * 2 ** 20;
const PAGE = 5_000;
/** Vectors are read anew after this time: sessions change hands. */
const FRESH_MS = 600_000;

interface Kept {
  /** By the length of their vectors. */
  sets: Map<number, VectorSet>;
  count: number;
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
    const { sets } = await this.#vectorsOf(scope);
    const best = (await sets.get(query.length)?.nearest(query, limit)) ?? [];
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
    const kept: Kept = this.#kept.get(key) ?? { sets: new Map(), count: 0, seq: 0 };
    for (;;) {
      const rows = await this.#store.after(scope, this.#endpoint.model, kept.seq, PAGE);
      for (const { seq, id, vector } of rows) {
        if (seq <= kept.seq) continue; // another search has read it meanwhile
        kept.seq = seq;
        if (vector.length === 0) continue;
        kept.count += 1;
        const set = kept.sets.get(vector.length) ?? new VectorSet(vector.length);
        kept.sets.set(vector.length, set);
        set.add(id, vector);
      }
      if (rows.length < PAGE || kept.count >= MAX_VECTORS) break;
    }
    this.#kept.set(key, kept);
    this.#makeRoom(key);
    return kept;
  }

  #makeRoom(newest: string): void {
    const bytesOf = ({ sets }: Kept): number =>
      sets.values().reduce((sum, set) => sum + set.bytes, 0);
    let bytes = [...this.#kept.values()].reduce((sum, one) => sum + bytesOf(one), 0);
    for (const key of [...this.#kept.rkeys()]) {
      if (bytes <= MAX_BYTES) return;
      if (key === newest) continue;
      bytes -= bytesOf(this.#kept.peek(key)!);
      this.#kept.delete(key);
    }
  }
}

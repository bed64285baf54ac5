// Embeds messages in the background, the newest first. What is stored says what is left, so that it goes on after a restart, and
// begins anew with another model. Not here: the search (meaning.ts).
import { setTimeout as sleep } from "node:timers/promises";
import type { Unembedded, VectorStore } from "../chat/store.ts";
import type { EmbeddingEndpoint } from "./embeddings.ts";

const LOOK_MS = 1_000;
const BATCH = 32;
const TIMEOUT_MS = 60_000;
/** Pause after a failure; doubled up to the longest one. */
const PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;
const FORGOTTEN_AT_ONCE = 500;

export class Embedder {
  readonly #store: VectorStore;
  readonly #endpoint: Pick<EmbeddingEndpoint, "model" | "embed">;
  readonly #onError: (error: unknown) => void;
  readonly #closing = new AbortController();
  readonly #work: Promise<void>;

  constructor(
    store: VectorStore,
    endpoint: Pick<EmbeddingEndpoint, "model" | "embed">,
    onError: (error: unknown) => void,
  ) {
    this.#store = store;
    this.#endpoint = endpoint;
    this.#onError = onError;
    this.#work = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#work;
  }

  async #run(): Promise<void> {
    let pauseMs = PAUSE_MS;
    while (!this.#closing.signal.aborted) {
      let next = LOOK_MS;
      try {
        const began = performance.now();
        if (await this.#step()) next = performance.now() - began; // leaves half of the time to others
        pauseMs = PAUSE_MS;
      } catch (error) {
        if (pauseMs === PAUSE_MS) this.#onError(error); // once, not at each attempt
        next = pauseMs;
        pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
      }
      const { signal } = this.#closing;
      await sleep(next, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** False if nothing was left to do. */
  async #step(): Promise<boolean> {
    const { model } = this.#endpoint;
    const some = await this.#store.unembedded(model, BATCH);
    if (some.length === 0) return (await this.#store.forgetOthers(model, FORGOTTEN_AT_ONCE)) > 0;
    await this.#store.add(model, await this.#embedded(some));
    return true;
  }

  /** A text that the model refuses gets an empty vector: it must not hold up the others. */
  async #embedded(some: readonly Unembedded[]): Promise<{ id: number; vector: Float32Array }[]> {
    try {
      const texts = some.map(({ content }) => content.trim() || "-");
      const vectors = await this.#endpoint.embed(texts, TIMEOUT_MS);
      return some.map(({ id }, i) => ({ id, vector: vectors[i]! }));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (some.length === 1) return [{ id: some[0]!.id, vector: new Float32Array() }];
      const half = some.length >> 1;
      return [
        ...(await this.#embedded(some.slice(0, half))),
        ...(await this.#embedded(some.slice(half))),
      ];
    }
  }
}

/** True if the endpoint is there, and refuses these texts. */
const isRefusal = (error: unknown): boolean =>
  error instanceof Error && /HTTP (?:400|413|422)/.test(error.message);

// An endpoint of embeddings that speaks OpenAI's API, as nearly all do: POST /embeddings.
import { z } from "zod";
import type { Config } from "../config/config.ts";
import { endpointAddress } from "./endpoint.ts";
import { modelFailure } from "./failure.ts";

const Answer = z.object({
  data: z.array(z.object({ index: z.int().optional(), embedding: z.array(z.number()).min(1) })),
});

export class EmbeddingEndpoint {
  readonly model: string;
  readonly #url: string;
  readonly #headers: Record<string, string>;
  readonly #label: string;
  readonly #secrets: { key: string | undefined; secrets: readonly string[] };

  constructor({ url, model, key }: { url: string; model: string; key: string | undefined }) {
    const { address, href, headers, secrets } = endpointAddress(url);
    this.model = model;
    this.#url = `${href}/embeddings`;
    this.#headers = { ...headers, ...(key !== undefined && { authorization: `Bearer ${key}` }) };
    this.#label = `${model} at ${address}`;
    this.#secrets = { key, secrets };
  }

  /** One vector of length 1 for each text. @throws AppError `model` */
  async embed(texts: readonly string[], timeoutMs: number): Promise<Float32Array[]> {
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        headers: { ...this.#headers, "content-type": "application/json" },
        body: JSON.stringify({ model: this.model, input: texts, encoding_format: "float" }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (!response.ok)
        throw Object.assign(new Error(response.statusText), {
          ...{ statusCode: response.status, responseBody: await response.text() },
        });
      const { data } = Answer.parse(await response.json());
      const vectors = data
        .toSorted((a, b) => (a.index ?? 0) - (b.index ?? 0))
        .map(({ embedding }) => ofLengthOne(embedding));
      if (vectors.length !== texts.length)
        throw new Error(`${vectors.length} vectors for ${texts.length} texts`);
      return vectors;
    } catch (error) {
      throw modelFailure(error, this.#label, this.#secrets, "");
    }
  }
}

function ofLengthOne(values: readonly number[]): Float32Array {
  const vector = Float32Array.from(values);
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** The configured endpoint; the model's own if only the name of an embedding model is set. */
export function configuredEmbeddings(config: Config): EmbeddingEndpoint | undefined {
  const { "embedding-model": model, "embedding-url": own, "embedding-key": ownKey } = config;
  const url = own ?? config["model-url"];
  if (model === undefined || url === undefined) return undefined;
  // The model's key goes to no other endpoint.
  const key = ownKey ?? (own === undefined ? config["model-key"] : undefined);
  return new EmbeddingEndpoint({ url, model, key });
}

// A chat model behind an HTTP endpoint, through the AI SDK, which is loaded at the first call only. What differs from
// one kind of endpoint to another is in a file each: openai-compatible.ts, anthropic.ts.
import type { LanguageModel } from "ai";
import { z } from "zod";
import { ASK_AGAIN, type ChatModel, type ModelReply, type ModelRequest } from "../chat/model.ts";
import { fetchAnswer, modelFailure } from "./failure.ts";
import { toPrompt, type PromptRules } from "./prompt.ts";

/** A kind of endpoint. */
export interface Provider extends PromptRules {
  /** Whether it wants to be told how long an answer may be. */
  wantsMaxTokens?: boolean;
  /** How a request shows the key. */
  keyHeaders(key: string): Record<string, string>;
  /** Resolves to its models by their names. */
  load(endpoint: Endpoint): Promise<(name: string) => LanguageModel>;
}

export interface Endpoint {
  url: string;
  key: string | undefined;
  headers: Record<string, string>;
  fetch: typeof fetch;
}

export interface EndpointOptions {
  url: string;
  model: string;
  /** Further models that a call may name. */
  models?: readonly string[] | undefined;
  key?: string | undefined;
}

/** Attempts beyond the first on 429, 5xx and a refused connection: backing off, or when `Retry-After` says. */
const MAX_RETRIES = 2;

/** Of a refusal's text, in characters. */
const MOST_SAID = 300;

/** For endpoints that want a number, when neither the caller nor the context window gives one. */
const DEFAULT_MAX_TOKENS = 4_096;

export class EndpointModel implements ChatModel {
  readonly label: string;
  readonly models: readonly string[];
  readonly #provider: Provider;
  readonly #endpoint: Endpoint;
  readonly #secrets: { key: string | undefined; secrets: readonly string[] };
  /** As it can be shown. */
  readonly #address: string;

  constructor({ url: address, model, models = [], key }: EndpointOptions, provider: Provider) {
    const url = new URL(address);
    const headers = basicAuthorization(url);
    const password = decodeURIComponent(url.password);
    this.#secrets = { key, secrets: password === "" ? [] : [password] };
    url.username = url.password = ""; // from here on the address can be shown
    this.#endpoint = { url: url.href.replace(/\/$/, ""), key, headers, fetch: fetchAnswer };
    this.#provider = provider;
    this.models = [...new Set([model, ...models])];
    this.#address = `${url.origin}${url.pathname}`;
    this.label = `${model} at ${this.#address}`;
  }

  async generate(request: ModelRequest): Promise<ModelReply> {
    const [{ streamText }, modelOf] = await Promise.all([
      import("ai"),
      this.#provider.load(this.#endpoint),
    ]);
    globalThis.AI_SDK_LOG_WARNINGS ??= false; // it would print what it thinks of a request
    const name = request.model ?? this.models[0]!;
    const maxTokens =
      request.maxTokens ??
      (this.#provider.wantsMaxTokens ? (request.answerTokens ?? DEFAULT_MAX_TOKENS) : undefined);
    try {
      const { stream } = streamText({
        model: modelOf(name),
        ...toPrompt(request, this.#provider),
        allowSystemInMessages: true,
        maxRetries: MAX_RETRIES,
        abortSignal: request.signal,
        ...(request.temperature !== undefined && { temperature: request.temperature }),
        ...(maxTokens !== undefined && { maxOutputTokens: maxTokens }),
        // Errors are parts of the stream too and are handled there; the default would print them.
        onError: () => undefined,
      });
      return await collect(stream, name, request);
    } catch (error) {
      request.signal.throwIfAborted();
      throw modelFailure(error, `${name} at ${this.#address}`, this.#secrets, ASK_AGAIN);
    }
  }

  /**
   * Asks the endpoint which models it has; undefined where it has no list.
   * @throws AppError `model` when it is not there, takes too long or does not accept the key
   */
  async available(timeoutMs: number): Promise<string[] | undefined> {
    const { url, key, headers } = this.#endpoint;
    const shown = key === undefined ? {} : this.#provider.keyHeaders(key);
    try {
      const response = await fetchAnswer(`${url}/models`, {
        headers: { ...headers, ...shown },
        signal: AbortSignal.timeout(timeoutMs),
      });
      const { status } = response;
      if ([404, 405, 501].includes(status)) return undefined;
      if (!response.ok) {
        const said = (await response.text()).slice(0, MOST_SAID);
        throw Object.assign(new Error(said || "no reason given"), { statusCode: status });
      }
      const listing = Listing.safeParse(await response.json());
      return listing.data?.data.map(({ id }) => id);
    } catch (error) {
      throw modelFailure(error, this.label, this.#secrets, "");
    }
  }
}

const Listing = z.object({ data: z.array(z.object({ id: z.string() })) });

type Part =
  | { type: "text-delta"; text: string }
  | { type: "error"; error: unknown }
  | {
      type: "finish";
      finishReason: string;
      totalUsage: { inputTokens?: number | undefined; outputTokens?: number | undefined };
    };

async function collect(
  stream: AsyncIterable<{ type: string }>,
  model: string,
  { onText }: ModelRequest,
): Promise<ModelReply> {
  let text = "";
  let end: Extract<Part, { type: "finish" }> | undefined;
  for await (const part of stream as AsyncIterable<Part>) {
    if (part.type === "error") throw part.error;
    if (part.type === "finish") end = part;
    if (part.type !== "text-delta") continue;
    text += part.text;
    onText?.(text);
  }
  // A stream that just stops, or stops with nothing said, is no answer.
  if (end === undefined || end.finishReason === "error") throw new Error("The answer broke off.");
  if (text.trim() === "")
    throw new Error(`The answer is empty (finish reason: ${end.finishReason}).`);
  return {
    text,
    model,
    inputTokens: end.totalUsage.inputTokens,
    outputTokens: end.totalUsage.outputTokens,
  };
}

/** `http://user:password@host` as a header, because `fetch` refuses such addresses. */
function basicAuthorization({ username, password }: URL): Record<string, string> {
  if (username === "" && password === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

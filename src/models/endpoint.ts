// A chat model behind an HTTP endpoint, through the AI SDK, which is loaded at the first call. The differences between
// kinds of endpoints are in providers.ts.
import type { LanguageModel } from "ai";
import { z } from "zod";
import { ASK_AGAIN, type ChatModel, type ModelReply, type ModelRequest } from "../chat/model.ts";
import { AnswerText } from "../chat/thoughts.ts";
import { AppError } from "../lib/errors.ts";
import { similarTo } from "../lib/text/similar.ts";
import { modelFailure } from "./failure.ts";
import { type PromptRules, toPrompt } from "./prompt.ts";
import type { Wire } from "./wire/events.ts";
import { earlyEnd, isFailure } from "./wire/reasons.ts";
import type { Repair } from "./wire/repairs.ts";
import { endpointFetch, WebPageError } from "./wire/requests.ts";
import { saidIn } from "./wire/said.ts";

/** A kind of endpoint. */
export interface Provider extends PromptRules {
  /** True if a request must bound the length of the answer. */
  wantsMaxTokens?: boolean;
  wire: Wire;
  /** Repairs of requests that some endpoints refuse. */
  repairs: readonly Repair[];
  /** Headers that carry the key. */
  keyHeaders(key: string): Record<string, string>;
  /** Load the SDK's provider; resolves to a function from names to models. */
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
  /** Other models that a call may name. */
  models?: readonly string[] | undefined;
  key?: string | undefined;
  /** The longest silence of the model. */
  timeoutMs?: number;
}

/** Attempts after the first on 429, 5xx and a refused connection, with backoff or as `Retry-After` says. */
const MAX_RETRIES = 2;

/** Most characters of a refusal's text. */
const MOST_SAID = 300;

/** Time to ask for the names of models, and the most names of a suggestion. */
const SUGGESTING_MS = 3_000;
const SUGGESTED = 10;

/** Default for endpoints that need a bound, if neither the caller nor the context window gives one. */
const DEFAULT_MAX_TOKENS = 4_096;

export class EndpointModel implements ChatModel {
  readonly label: string;
  readonly models: readonly string[];
  readonly #provider: Provider;
  readonly #endpoint: Endpoint;
  readonly #secrets: { key: string | undefined; secrets: readonly string[] };
  /** Address without credentials, which may be shown. */
  readonly #address: string;

  constructor(
    { url: address, model, models = [], key, timeoutMs = 120_000 }: EndpointOptions,
    provider: Provider,
  ) {
    const shown = endpointAddress(address);
    this.#secrets = { key, secrets: shown.secrets };
    const send = endpointFetch({ ...provider, timeoutMs });
    this.#endpoint = { url: shown.href, key, headers: shown.headers, fetch: send };
    this.#provider = provider;
    this.models = [...new Set([model, ...models])];
    this.#address = shown.address;
    this.label = `${model} at ${this.#address}`;
  }

  async generate(request: ModelRequest): Promise<ModelReply> {
    const [{ streamText }, modelOf] = await Promise.all([
      import("ai"),
      this.#provider.load(this.#endpoint),
    ]);
    globalThis.AI_SDK_LOG_WARNINGS ??= false; // the SDK would print warnings about requests
    const name = request.model ?? this.models[0]!;
    const maxTokens =
      request.maxTokens ??
      (this.#provider.wantsMaxTokens ? (request.answerTokens ?? DEFAULT_MAX_TOKENS) : undefined);
    try {
      const { stream } = streamText({
        model: modelOf(name),
        ...toPrompt(request, this.#provider),
        allowSystemInMessages: true,
        maxRetries: request.maxRetries ?? MAX_RETRIES,
        abortSignal: request.signal,
        ...(request.temperature !== undefined && { temperature: request.temperature }),
        ...(maxTokens !== undefined && { maxOutputTokens: maxTokens }),
        // Silence the default, which prints errors: they are parts of the stream too, and handled there.
        onError: () => undefined,
      });
      return await collect(stream, name, request);
    } catch (error) {
      request.signal.throwIfAborted();
      const failure = modelFailure(error, `${name} at ${this.#address}`, this.#secrets, ASK_AGAIN);
      throw isUnknownModel(error) ? await this.#suggesting(failure, name) : failure;
    }
  }

  /** The failure with names that the endpoint has, if it tells any. */
  async #suggesting(failure: AppError, name: string): Promise<AppError> {
    const available = await this.available(SUGGESTING_MS).catch(() => undefined);
    if (!available?.length || available.includes(name)) return failure;
    const meant = similarTo(name, available);
    const some = available.slice(0, SUGGESTED).join(", ");
    const names = meant
      ? `Did you mean ${meant}?`
      : `It has ${some}${available.length > SUGGESTED ? " …" : "."}`;
    return new AppError("model", failure.message, {
      hint: `${names} ${failure.hint ?? ""}`.trim(),
      cause: failure.cause,
    });
  }

  /**
   * Ask the endpoint for the names of its models; undefined if it has no list.
   * @throws AppError `model` if the endpoint does not answer in time or does not accept the key
   */
  async available(timeoutMs: number): Promise<string[] | undefined> {
    const { url, key, headers } = this.#endpoint;
    const shown = key === undefined ? {} : this.#provider.keyHeaders(key);
    try {
      const response = await fetch(`${url}/models`, {
        headers: { ...headers, ...shown },
        signal: AbortSignal.timeout(timeoutMs),
      });
      const { status } = response;
      if ([404, 405, 501].includes(status)) return undefined;
      if (!response.ok) {
        const said = saidIn(await response.text())?.slice(0, MOST_SAID);
        throw Object.assign(new Error(said ?? "no reason given"), { statusCode: status });
      }
      if (response.headers.get("content-type")?.startsWith("text/html")) throw new WebPageError();
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
      rawFinishReason?: string | undefined;
      totalUsage: { inputTokens?: number | undefined; outputTokens?: number | undefined };
    };

/** Longest answer in characters: far above any setting, and a bound for a stream that never ends. */
const MAX_ANSWER = 16_000_000;

async function collect(
  stream: AsyncIterable<{ type: string }>,
  model: string,
  { onText, onActivity }: ModelRequest,
): Promise<ModelReply> {
  const text = new AnswerText();
  let length = 0;
  let end: Extract<Part, { type: "finish" }> | undefined;
  for await (const part of stream as AsyncIterable<Part>) {
    onActivity?.();
    if (part.type === "error") throw part.error;
    if (part.type === "finish") end = part;
    if (part.type !== "text-delta") continue;
    length += part.text.length;
    if (length > MAX_ANSWER) throw new Error("The answer does not end.");
    text.push(part.text);
    if (text.soFar !== "") onText?.(text.soFar);
  }
  // Refuse a stream that just stops, or stops without text: it is no answer.
  if (end === undefined || end.finishReason === "error") throw new Error("The answer broke off.");
  const reason = end.rawFinishReason ?? end.finishReason;
  if (isFailure(reason))
    throw new Error(`The answer broke off: the endpoint gave the reason ${reason}.`);
  const answer = text.end();
  const finishReason = earlyEnd(reason);
  if (answer.trim() === "") {
    const more =
      finishReason === "length" ? ": max_tokens is too small for the model's thoughts" : "";
    throw new Error(`The answer is empty (finish reason: ${finishReason ?? "stop"})${more}.`);
  }
  return {
    ...{ text: answer, model, finishReason },
    inputTokens: end.totalUsage.inputTokens,
    outputTokens: end.totalUsage.outputTokens,
  };
}

/** True for a refusal of the model's name. */
function isUnknownModel(error: unknown): boolean {
  const { statusCode, responseBody = "" } = (error ?? {}) as {
    statusCode?: number;
    responseBody?: string;
  };
  const isNamed =
    /\bmodel\b/i.test(responseBody) && /not (?:found|exist)|unknown|invalid/i.test(responseBody);
  return statusCode === 404 || ([400, undefined].includes(statusCode) && isNamed);
}

/** An address that may be shown, with the credentials in it as headers. */
export function endpointAddress(text: string) {
  const url = new URL(text);
  const headers = basicAuthorization(url);
  const password = decodeURIComponent(url.password);
  url.username = url.password = "";
  return {
    headers,
    secrets: password === "" ? [] : [password],
    href: url.href.replace(/\/$/, ""),
    address: `${url.origin}${url.pathname}`,
  };
}

/** Turn `http://user:password@host` into a header, because `fetch` refuses such addresses. */
function basicAuthorization({ username, password }: URL): Record<string, string> {
  if (username === "" && password === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

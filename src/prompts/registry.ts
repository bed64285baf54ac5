// All prompts of a server, and the one way to get them. Prompts from files may be replaced while the server runs.
import { isInputRequiredResult, type Prompt as WirePrompt } from "@modelcontextprotocol/server";
import { may, type Principal } from "../auth/principal.ts";
import { Catalogue, type Kind } from "../definitions/catalogue.ts";
import type { CompletionContext } from "../definitions/completions.ts";
import { ofItsAuthor } from "../definitions/mistake.ts";
import { fieldOf } from "../definitions/schema.ts";
import type { IdempotentCalls } from "../idempotency/idempotent-calls.ts";
import { newId } from "../lib/ids.ts";
import { completion } from "../protocol/completion.ts";
import { RequestError } from "../protocol/errors.ts";
import { requestOf, useState } from "../protocol/request-state-use.ts";
import type { OpenedState, RequestStates } from "../protocol/request-state.ts";
import type { Prompt, PromptContext } from "./prompt.ts";
import type { Rendered } from "./results.ts";

const PROMPTS: Kind<Prompt> = { label: "Prompt", field: "name", keyOf: ({ name }) => name };

export const promptCatalogue = (builtIn: () => readonly Prompt[]): Catalogue<Prompt> =>
  Catalogue.of(PROMPTS, builtIn);

type Asking = Omit<PromptContext, "args">;

export class PromptRegistry {
  /** The built-in and the program's own prompts, which stay. */
  readonly fixed: Catalogue<Prompt>;
  #all: Catalogue<Prompt>;
  readonly #states: RequestStates;
  readonly #calls: IdempotentCalls;

  constructor(fixed: Catalogue<Prompt>, states: RequestStates, calls: IdempotentCalls) {
    this.fixed = this.#all = fixed;
    this.#states = states;
    this.#calls = calls;
  }

  /** Replace the prompts. Running requests keep the prompt that they began with. */
  use(all: Catalogue<Prompt>): { changed: boolean } {
    const changed = JSON.stringify(all.wire) !== JSON.stringify(this.#all.wire);
    this.#all = all;
    return { changed };
  }

  /** The result of `prompts/list`. */
  list(principal: Principal): WirePrompt[] {
    return this.#all.items.filter(({ scope }) => may(principal, scope)).map(({ wire }) => wire);
  }

  /** @throws RequestError for an unknown prompt, wrong arguments or a wrong `requestState` */
  async get(
    name: string,
    given: Readonly<Record<string, string>>,
    context: Asking,
  ): Promise<Rendered> {
    const { principal, caller } = context;
    const prompt = this.#find(name, principal);
    const args = await ofItsAuthor(`prompt ${name}`, context.signal, () => checked(prompt, given));
    const asked = { principal, method: "prompts/get", name, args: given, place: caller };
    const sealed = context.requestState<string>();
    const opened = sealed === undefined ? undefined : await this.#states.open(asked, sealed);
    if (opened) await this.#use(opened, context);
    const requestState = <T>() => opened?.state as T;
    const render = () => prompt.render({ ...context, args, requestState });
    const rendered = this.#all.isBuiltIn(name)
      ? await render()
      : await ofItsAuthor(`prompt ${name}`, context.signal, render);
    if (!isInputRequiredResult(rendered) || rendered.requestState === undefined) return rendered;
    return {
      ...rendered,
      requestState: await this.#states.seal(asked, rendered.requestState, opened),
    };
  }

  /** Allow the request to be sent again: a prompt only reads, and is rendered again. */
  async #use({ id }: OpenedState, { caller, signal, inputResponses: responses }: Asking) {
    const request = requestOf(undefined, { rpcId: caller.rpcId, responses });
    const place = { owner: caller.principal.id, scope: "" };
    await useState(this.#calls, { id, request }, place, {
      ...{ signal, newSessionId: newId(), repeatable: true },
      run: async () => ({ value: true, keep: true }),
    });
  }

  async complete(
    name: string,
    argument: { name: string; value: string },
    context: CompletionContext,
  ) {
    const prompt = this.#find(name, context.principal);
    const complete = () => prompt.complete(argument.name, argument.value, context);
    if (this.#all.isBuiltIn(name)) return completion(await complete());
    return completion(await ofItsAuthor(`prompt ${name}`, undefined, complete));
  }

  /** Find a prompt; a forbidden one is answered like a missing one. */
  #find(name: string, principal: Principal): Prompt {
    const prompt = this.#all.get(name);
    if (prompt === undefined || !may(principal, prompt.scope))
      throw invalid(`Unknown prompt: ${name}. prompts/list names the prompts there are.`);
    return prompt;
  }
}

/**
 * Check arguments, without empty ones: programs send empty text for a field that their user left empty.
 * @throws RequestError
 */
async function checked(
  { name, wire, arguments: schema }: Prompt,
  given: Readonly<Record<string, string>>,
): Promise<unknown> {
  const args = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
  const missing = (wire.arguments ?? []).filter(
    (argument) => argument.required && !Object.hasOwn(args, argument.name),
  );
  if (missing.length > 0)
    throw invalid(
      `Prompt ${name}: missing ${missing.map((argument) => argument.name).join(", ")}.`,
    );
  const result = await schema.check(args);
  if (!result.issues) return result.value;
  const lines = result.issues.map(
    (issue) => `- ${fieldOf(issue) || "arguments"}: ${issue.message}`,
  );
  throw invalid(`Wrong arguments for prompt ${name}:\n${lines.join("\n")}`);
}

const invalid = (message: string): RequestError => new RequestError("invalid_params", message);

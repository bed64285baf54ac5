// How prompts are offered, and all prompts of a server.
import {
  isInputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
  type GetPromptResult,
  type InputRequiredResult,
  type Prompt as WirePrompt,
} from "@modelcontextprotocol/server";
import type { RequestStates } from "../auth/request-state.ts";
import { completion, type Suggestions } from "../kernel/completion.ts";
import type { Principal } from "../auth/principal.ts";
import type { Caller } from "../sessions/session.ts";

export interface PromptArgument {
  name: string;
  description?: string;
  required?: boolean;
  /** Suggestions for a value that begins like this. */
  complete?(value: string, principal: Principal): Suggestions | Promise<Suggestions>;
}

/** Who wants a prompt, and what an earlier round of the same request asked for with `inputRequired(…)`. */
export interface PromptContext {
  principal: Principal;
  /** With the session that the caller's address or program stands for. */
  caller: Caller;
  signal: AbortSignal;
  inputResponses: Readonly<Record<string, unknown>> | undefined;
  requestState<T = unknown>(): T | undefined;
}

type Rendered = GetPromptResult | InputRequiredResult;

export interface Prompt {
  name: string;
  title?: string;
  description?: string;
  arguments?: readonly PromptArgument[];
  render(
    args: Readonly<Record<string, string>>,
    context: PromptContext,
  ): Rendered | Promise<Rendered>;
}

export class PromptRegistry {
  readonly wire: readonly WirePrompt[];
  readonly #prompts: ReadonlyMap<string, Prompt>;
  readonly #states: RequestStates;

  constructor(prompts: readonly Prompt[], states: RequestStates) {
    this.#states = states;
    this.#prompts = new Map(prompts.map((prompt) => [prompt.name, prompt]));
    this.wire = prompts.map(({ name, title, description, arguments: args = [] }) => ({
      name,
      ...(title !== undefined && { title }),
      ...(description !== undefined && { description }),
      arguments: args.map(({ complete: _, ...argument }) => argument),
    }));
  }

  /** @throws ProtocolError for an unknown prompt, a missing argument or a wrong `requestState` */
  async get(
    name: string,
    args: Readonly<Record<string, string>>,
    context: PromptContext,
  ): Promise<Rendered> {
    const prompt = this.#find(name);
    const missing = prompt.arguments?.filter(({ name, required }) => required && !args[name]) ?? [];
    if (missing.length > 0) {
      throw invalid(
        `Prompt ${name}: missing ${missing.map((argument) => argument.name).join(", ")}.`,
      );
    }
    const { principal } = context;
    const asked = { principal, method: "prompts/get", name, args };
    const sealed = context.requestState<string>();
    const state = sealed === undefined ? undefined : await this.#states.open(asked, sealed);
    const rendered = await prompt.render(args, { ...context, requestState: <T>() => state as T });
    if (!isInputRequiredResult(rendered) || rendered.requestState === undefined) return rendered;
    return { ...rendered, requestState: await this.#states.seal(asked, rendered.requestState) };
  }

  async complete(name: string, argument: { name: string; value: string }, principal: Principal) {
    const definition = this.#find(name).arguments?.find((known) => known.name === argument.name);
    return completion((await definition?.complete?.(argument.value, principal)) ?? []);
  }

  #find(name: string): Prompt {
    const prompt = this.#prompts.get(name);
    if (prompt === undefined)
      throw invalid(`Unknown prompt: ${name}. prompts/list names the prompts there are.`);
    return prompt;
  }
}

const invalid = (message: string): ProtocolError =>
  new ProtocolError(ProtocolErrorCode.InvalidParams, message);

// How prompts are offered, and all prompts of a server.
import {
  ProtocolError,
  ProtocolErrorCode,
  type GetPromptResult,
  type Prompt as WirePrompt,
} from "@modelcontextprotocol/server";
import type { Principal } from "../auth/principal.ts";

export interface PromptArgument {
  name: string;
  description?: string;
  required?: boolean;
  /** Suggestions for a value that begins like this. */
  complete?(value: string, principal: Principal): string[] | Promise<string[]>;
}

export interface Prompt {
  name: string;
  title?: string;
  description?: string;
  arguments?: readonly PromptArgument[];
  render(
    args: Readonly<Record<string, string>>,
    principal: Principal,
  ): GetPromptResult | Promise<GetPromptResult>;
}

const MAX_SUGGESTIONS = 100;

export class PromptRegistry {
  readonly wire: readonly WirePrompt[];
  readonly #prompts: ReadonlyMap<string, Prompt>;

  constructor(prompts: readonly Prompt[]) {
    this.#prompts = new Map(prompts.map((prompt) => [prompt.name, prompt]));
    this.wire = prompts.map(({ name, title, description, arguments: args = [] }) => ({
      name,
      ...(title !== undefined && { title }),
      ...(description !== undefined && { description }),
      arguments: args.map(({ complete: _, ...argument }) => argument),
    }));
  }

  /** @throws ProtocolError for an unknown prompt or a missing argument */
  async get(
    name: string,
    args: Readonly<Record<string, string>>,
    principal: Principal,
  ): Promise<GetPromptResult> {
    const prompt = this.#find(name);
    const missing =
      prompt.arguments?.filter(({ name, required }) => required && args[name] === undefined) ?? [];
    if (missing.length > 0) {
      throw invalid(
        `Prompt ${name}: missing ${missing.map((argument) => argument.name).join(", ")}.`,
      );
    }
    return prompt.render(args, principal);
  }

  async complete(name: string, argument: { name: string; value: string }, principal: Principal) {
    const definition = this.#find(name).arguments?.find((known) => known.name === argument.name);
    const all = (await definition?.complete?.(argument.value, principal)) ?? [];
    const values = all.slice(0, MAX_SUGGESTIONS);
    return { completion: { values, total: all.length, hasMore: all.length > values.length } };
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

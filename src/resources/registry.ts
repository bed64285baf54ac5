// All resources of a server, from all providers.
import {
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  type Resource,
  type ResourceTemplateType,
} from "@modelcontextprotocol/server";
import type { Principal } from "../auth/principal.ts";
import { completion, type Completion } from "../kernel/completion.ts";
import type { ResourceProvider, TypedVariable } from "./resource.ts";

/** The 2025 revisions' code for a resource that is not there. */
const NOT_FOUND = -32002;

export class ResourceRegistry {
  readonly templates: readonly ResourceTemplateType[];
  readonly #providers: readonly ResourceProvider[];

  constructor(providers: readonly ResourceProvider[]) {
    this.#providers = providers;
    this.templates = providers.flatMap(({ templates = [] }) => templates);
  }

  async list(principal: Principal): Promise<Resource[]> {
    return (await Promise.all(this.#providers.map((provider) => provider.list(principal)))).flat();
  }

  /** @throws ProtocolError when no provider has it */
  async read(uri: string, principal: Principal): Promise<ReadResourceResult> {
    for (const provider of this.#providers) {
      const contents = await provider.read(uri, principal);
      if (contents !== undefined) return { contents };
    }
    throw new ProtocolError(NOT_FOUND, `Resource not found: ${uri}`, { uri });
  }

  /** @throws ProtocolError for an unknown template */
  async complete(
    template: string,
    variable: TypedVariable,
    principal: Principal,
  ): Promise<Completion> {
    const provider = this.#providers.find(({ templates = [] }) =>
      templates.some(({ uriTemplate }) => uriTemplate === template),
    );
    if (provider === undefined)
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        `Unknown resource template: ${template}. resources/templates/list names those there are.`,
      );
    return completion((await provider.complete?.(template, variable, principal)) ?? []);
  }
}

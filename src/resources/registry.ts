// All resources of a server, from all providers.
import {
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  type Resource,
  type ResourceTemplateType,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Principal } from "../auth/principal.ts";
import { completion, type Completion } from "../kernel/completion.ts";
import { decodeCursor, encodeCursor } from "../kernel/cursor.ts";
import { canonicalUri } from "../sessions/uris.ts";
import type { ResourcePage, ResourceProvider, TypedVariable } from "./resource.ts";

/** The provider that a page ended in, and the cursor that it gave. */
const Position = z.tuple([z.int().min(0), z.string().min(1)]);

/** The 2025 revisions' code for a resource that is not there. */
const NOT_FOUND = -32002;

export class ResourceRegistry {
  readonly templates: readonly ResourceTemplateType[];
  readonly #providers: readonly ResourceProvider[];

  constructor(providers: readonly ResourceProvider[]) {
    this.#providers = providers;
    this.templates = providers.flatMap(({ templates = [] }) => templates);
  }

  /** Provider by provider, up to the first that has more. @throws AppError `invalid` for a wrong cursor */
  async list(principal: Principal, cursor?: string): Promise<ResourcePage> {
    let [index, inside] =
      cursor === undefined ? [0, ""] : decodeCursor("resources", Position, cursor);
    const resources: Resource[] = [];
    for (; index < this.#providers.length; index++, inside = "") {
      const listed = await this.#providers[index]!.list(principal, inside || undefined);
      const page: ResourcePage = Array.isArray(listed) ? { resources: listed } : listed;
      resources.push(...page.resources);
      const { nextCursor } = page;
      if (nextCursor !== undefined)
        return { resources, nextCursor: encodeCursor("resources", [index, nextCursor]) };
    }
    return { resources };
  }

  /** @throws ProtocolError when no provider has it */
  async read(uri: string, principal: Principal): Promise<ReadResourceResult> {
    // As it is spelled, and as an equal uri is; the answer says it as the question did.
    for (const spelled of new Set([uri, canonicalUri(uri)])) {
      for (const provider of this.#providers) {
        const contents = await provider.read(spelled, principal);
        if (contents !== undefined)
          return { contents: contents.map((one) => (one.uri === spelled ? { ...one, uri } : one)) };
      }
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

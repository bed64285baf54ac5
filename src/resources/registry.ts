// All resources of a server, and the one way to read them. Resources from files may be replaced while the server runs.
import {
  type ReadResourceResult,
  type Resource as WireResource,
  type ResourceTemplateType,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import { may, type Principal } from "../auth/principal.ts";
import { Catalogue, type Kind } from "../definitions/catalogue.ts";
import type { CompletionContext } from "../definitions/completions.ts";
import { ofItsAuthor, ToolMistake } from "../definitions/mistake.ts";
import type { RequestContext } from "../definitions/request.ts";
import { decodeCursor, encodeCursor, wrongCursor } from "../lib/cursor.ts";
import { type Completion, completion } from "../protocol/completion.ts";
import { RequestError } from "../protocol/errors.ts";
import { canonicalUri } from "../sessions/uris.ts";
import type { Resource } from "./resource.ts";
import type { Variables } from "./template.ts";

/** The resource in which a page ended, and that resource's cursor. */
const Position = z.tuple([z.string(), z.string().min(1)]);

const RESOURCES: Kind<Resource> = {
  label: "Resource",
  field: "uri",
  keyOf: ({ key }) => key,
  isReserved: (key) => /^holdfast:/i.test(key),
};

export const resourceCatalogue = (builtIn: () => readonly Resource[]): Catalogue<Resource> =>
  Catalogue.of(RESOURCES, builtIn);

export class ResourceRegistry {
  /** The built-in and the program's own resources, which stay. */
  readonly fixed: Catalogue<Resource>;
  #all: Catalogue<Resource>;
  /** Resources with the user's own first: the built-in lists are long. */
  #ordered: readonly Resource[] | undefined;

  readonly #onMistake: (mistake: unknown) => void;

  /** `onMistake` gets an error of a user's resource that does not fail the request: others are still served. */
  constructor(fixed: Catalogue<Resource>, onMistake: (mistake: unknown) => void) {
    this.#onMistake = onMistake;
    this.fixed = this.#all = fixed;
  }

  /** Replace the resources. Running requests keep the resource that they began with. */
  use(all: Catalogue<Resource>): { changed: boolean } {
    const changed = JSON.stringify(all.wire) !== JSON.stringify(this.#all.wire);
    this.#all = all;
    this.#ordered = undefined;
    return { changed };
  }

  templates(principal: Principal): ResourceTemplateType[] {
    return this.#of(principal).flatMap(({ wire }) => ("uriTemplate" in wire ? [wire] : []));
  }

  /** List resource by resource, up to the first that has another page. @throws AppError `invalid` for a wrong cursor */
  async list(
    principal: Principal,
    signal: AbortSignal,
    cursor?: string,
  ): Promise<{ resources: WireResource[]; nextCursor?: string }> {
    const all = this.#of(principal);
    const [key, from] =
      cursor === undefined ? [all[0]?.key, undefined] : decodeCursor("resources", Position, cursor);
    const first = all.findIndex((one) => one.key === key);
    if (cursor !== undefined && first < 0) throw wrongCursor();
    const resources: WireResource[] = [];
    let inside = from;
    for (const one of all.slice(Math.max(first, 0))) {
      const context = { principal, cursor: inside };
      const page = await this.#run(one, signal, () => one.list(context)).catch((error: unknown) => {
        if (signal.aborted || inside !== undefined || this.#all.isBuiltIn(one.key)) throw error;
        this.#onMistake(error);
        return { resources: [], nextCursor: undefined }; // one faulty list must not cost the client all the others
      });
      inside = undefined;
      resources.push(...page.resources);
      if (page.nextCursor !== undefined)
        return { resources, nextCursor: encodeCursor("resources", [one.key, page.nextCursor]) };
    }
    return { resources };
  }

  /**
   * @throws RequestError for a missing resource, or one that this principal may not read: the two are never told apart
   */
  async read(uri: string, context: RequestContext): Promise<ReadResourceResult> {
    // Try the uri as it is spelled, then its canonical form; the answer has the request's spelling.
    for (const spelled of new Set([uri, canonicalUri(uri)])) {
      for (const one of this.#of(context.principal)) {
        const variables = this.#match(one, spelled);
        if (variables === undefined) continue;
        const asked = { ...context, uri: spelled, variables };
        const contents = await this.#run(one, context.signal, () => one.read(asked));
        if (contents !== undefined)
          return {
            contents: contents.map((part) => (part.uri === spelled ? { ...part, uri } : part)),
          };
      }
    }
    throw new RequestError("unknown_resource", `Resource not found: ${uri}`, { data: { uri } });
  }

  /** @throws RequestError for an unknown template */
  async complete(
    template: string,
    { name, value }: { name: string; value: string },
    context: CompletionContext,
  ): Promise<Completion> {
    const found = this.#of(context.principal).find(
      ({ wire }) => "uriTemplate" in wire && wire.uriTemplate === template,
    );
    if (found === undefined)
      throw new RequestError(
        "invalid_params",
        `Unknown resource template: ${template}. resources/templates/list names those there are.`,
      );
    return completion(
      await this.#run(found, undefined, () => found.complete(name, value, context)),
    );
  }

  /** Variables of a uri; undefined for another resource's, and where a user's function throws. */
  #match(one: Resource, uri: string): Variables | undefined {
    try {
      return one.match(uri);
    } catch (error) {
      if (this.#all.isBuiltIn(one.key)) throw error;
      this.#onMistake(new ToolMistake(`resource ${one.key}`, "its match failed", error));
      return undefined;
    }
  }

  #of(principal: Principal): Resource[] {
    this.#ordered ??= ownFirst(this.#all);
    return this.#ordered.filter(({ scope }) => may(principal, scope));
  }

  #run<T>(one: Resource, signal: AbortSignal | undefined, act: () => Promise<T>): Promise<T> {
    return this.#all.isBuiltIn(one.key) ? act() : ofItsAuthor(`resource ${one.key}`, signal, act);
  }
}

const ownFirst = (all: Catalogue<Resource>): Resource[] =>
  [false, true].flatMap((builtIn) => all.items.filter(({ key }) => all.isBuiltIn(key) === builtIn));

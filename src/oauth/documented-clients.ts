import { boundedCache } from "../lib/cache/bounded-cache.ts";
// Clients that are known by the address of their own document (draft-ietf-oauth-client-id-metadata-document). What a person
// has granted to one must not depend on that document's being reachable: its last good form is stored with the grant, and
// serves tokens without a fetch.
import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import { documentedClient } from "./client-metadata.ts";
import type { FetchDocument } from "./metadata-documents.ts";
import type { OAuthClientStore, OAuthGrantStore } from "./store.ts";

type Metadata = Record<string, unknown>;

/** Fetches at the same time; anybody can cause one. */
const MAX_FETCHES = 8;
const MAX_ADDRESS = 2_000;
const MAX_CACHED = 500;
const FRESH_MS = 600_000;
/** Time in which a document that could not be had is not asked for again. */
const FAILED_MS = 5_000;

interface Outcome {
  result: { metadata: Metadata } | { error: unknown };
  until: number;
}

export interface DocumentedClientParts {
  clients: OAuthClientStore;
  grants: OAuthGrantStore;
  fetchDocument: FetchDocument;
  clock: Clock;
}

export class DocumentedClients {
  readonly #parts: DocumentedClientParts;
  readonly #outcomes = boundedCache<Outcome>(MAX_CACHED);
  readonly #fetches = new Map<string, Promise<Outcome>>();

  constructor(parts: DocumentedClientParts) {
    this.#parts = parts;
  }

  /**
   * The metadata of a client for a new sign-in: of its document now, else what was stored with a grant.
   * @throws AppError `unavailable` while there is neither, and `invalid` for a document that is no client's
   */
  async forSignIn(id: string): Promise<Metadata> {
    const { result } = await this.#outcome(id);
    if ("metadata" in result) return result.metadata;
    const stored = await this.#parts.clients.find(id);
    if (stored === undefined) throw result.error;
    return stored.metadata;
  }

  /**
   * The metadata of a client that has tokens, or undefined for one without any grant: strangers cause no fetch here.
   * @throws AppError as `forSignIn`
   */
  async forTokens(id: string): Promise<Metadata | undefined> {
    const stored = await this.#parts.clients.find(id);
    if (stored !== undefined) return stored.metadata;
    return (await this.#parts.grants.anyOf(id)) ? this.forSignIn(id) : undefined;
  }

  async #outcome(id: string): Promise<Outcome> {
    const known = this.#outcomes.get(id);
    if (known !== undefined && known.until > this.#parts.clock.now()) return known;
    let fetching = this.#fetches.get(id);
    if (fetching === undefined) {
      if (this.#fetches.size >= MAX_FETCHES) return { result: { error: tooMany() }, until: 0 };
      fetching = this.#fetch(id).finally(() => this.#fetches.delete(id));
      this.#fetches.set(id, fetching);
    }
    return fetching;
  }

  async #fetch(id: string): Promise<Outcome> {
    const { clock, fetchDocument } = this.#parts;
    const result = await fetchDocument(id)
      .then((text) => ({ metadata: documentedClient(id, text) }))
      .catch((error: unknown) => ({ error }));
    const until = clock.now() + ("metadata" in result ? FRESH_MS : FAILED_MS);
    this.#outcomes.set(id, { result, until });
    return { result, until };
  }
}

/** True for an id that is the address of a document, in the one spelling that it has. */
export function isDocumentAddress(id: string): boolean {
  if (!id.startsWith("https://") || id.length > MAX_ADDRESS) return false;
  const url = URL.parse(id);
  return url?.href === id && url.hash === "" && url.username === "" && url.password === "";
}

const tooMany = (): AppError =>
  new AppError("unavailable", "Too many programs are being looked up.", {
    hint: "Try again in a moment.",
  });

// What people allow clients: made on the consent page, listed, and revoked. A grant is worth no more than the key or passkey
// that its person signed in with: it ends when the key is revoked or expires, and when the passkey is removed.
import type { ApiKeys } from "../auth/api-keys.ts";
import type { Audit } from "../auth/audit.ts";
import { LOCAL, type Principal } from "../auth/principal.ts";
import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import { newId } from "../lib/ids.ts";
import { isTrue } from "../lib/is-true.ts";
import { commandLine } from "../lib/text/command-line.ts";
import type { OAuthGrant, OAuthGrantStore } from "./store.ts";

/** Scopes that a client can get. `admin` and `metrics` are the operator's, who uses keys. */
export const GRANTABLE = ["read", "write"] as const;

/** Time in which a client must fetch its first token. */
const FIRST_USE_MS = 600_000;
const MAX_PER_PRINCIPAL = 200;

export interface NewGrant {
  clientId: string;
  clientName: string;
  redirectHost: string;
  scope: string;
}

export class Grants {
  readonly #store: OAuthGrantStore;
  readonly #keys: ApiKeys;
  readonly #audit: Audit;
  readonly #clock: Clock;

  constructor(store: OAuthGrantStore, keys: ApiKeys, audit: Audit, clock: Clock) {
    this.#store = store;
    this.#keys = keys;
    this.#audit = audit;
    this.#clock = clock;
  }

  /**
   * Grant a client this scope, in the name of the person who has signed in. `documented`: the metadata of a client that is
   * known by its document.
   * @throws AppError `unauthenticated` if the passkey of the sign-in was removed meanwhile
   */
  async create(
    by: Principal,
    grant: NewGrant,
    documented?: Record<string, unknown>,
  ): Promise<OAuthGrant> {
    const now = Math.floor(this.#clock.now());
    const stored: OAuthGrant = {
      ...{ id: newId(), principal: by.id, ...grant, keyId: by.credentials?.key ?? null },
      ...{
        passkeyId: by.credentials?.passkey ?? null,
        createdAt: now,
        lastUsedAt: now,
        expiresAt: now + FIRST_USE_MS,
      },
    };
    const created = await this.#audit.noteWith(
      by,
      "grant created",
      stored.id,
      () =>
        this.#store.create(
          stored,
          MAX_PER_PRINCIPAL,
          documented && {
            ...{ id: grant.clientId, kind: "documented", metadata: documented },
            ...{ createdAt: now, expiresAt: null },
          },
        ),
      {
        done: isTrue,
        detail: () => `${grant.scope} for ${grant.clientName} at ${grant.redirectHost}`,
      },
    );
    if (!created) throw new AppError("unauthenticated", "Your sign-in has ended: sign in again.");
    return stored;
  }

  /** The grant of that id; undefined for one that has ended, by itself or with its key. */
  async find(id: string): Promise<OAuthGrant | undefined> {
    const grant = await this.#store.find(id);
    return grant !== undefined && (await this.isValid(grant)) ? grant : undefined;
  }

  /** True while the key behind a stored grant is valid. */
  async isValid({ keyId }: OAuthGrant): Promise<boolean> {
    return keyId === null || this.#keys.holds(keyId);
  }

  async holds(id: string): Promise<boolean> {
    return (await this.find(id)) !== undefined;
  }

  /** Those of one principal, or all; the longest unused last. */
  async list(principal?: string): Promise<OAuthGrant[]> {
    const all = await this.#store.list(principal);
    const valid = await Promise.all(all.map((grant) => this.isValid(grant)));
    return all.filter((_, index) => valid[index]);
  }

  /** End a grant with all its tokens, at once. @throws AppError `not_found` */
  async revoke(id: string, by: Pick<Principal, "id"> = LOCAL): Promise<void> {
    const grant = await this.#store.find(id);
    if (grant === undefined || !(await this.#end(grant, by))) throw notFound(id);
  }

  /** End all that a person has granted to the client of one own grant. @throws AppError `not_found` */
  async disconnect(id: string, by: Principal): Promise<void> {
    const grant = await this.#store.find(id);
    if (grant === undefined || grant.principal !== by.id) throw notFound(id);
    for (const other of await this.#store.list(by.id))
      if (other.clientId === grant.clientId) await this.#end(other, by);
  }

  /** End a grant because of what its client did. */
  async end(id: string): Promise<void> {
    const grant = await this.#store.find(id);
    if (grant !== undefined) await this.#end(grant, { id: grant.principal });
  }

  #end({ id, clientName }: OAuthGrant, by: Pick<Principal, "id">): Promise<boolean> {
    return this.#audit.noteWith(by, "grant revoked", id, () => this.#store.delete(id), {
      done: isTrue,
      detail: () => `of ${clientName}`,
    });
  }
}

const notFound = (id: string): AppError =>
  new AppError("not_found", `There is no grant ${JSON.stringify(id)}.`, {
    hint: `${commandLine("grants list")} shows them.`,
  });

// Access to a 2025-era client by its `Mcp-Session-Id`, for the credentials that initialized it and their renewals.
// Other credentials of the same principal have no access. Not here: sessions (../sessions/access.ts).
import { credentialsOf, includes, type Principal, type Scope, scopeOf } from "../auth/principal.ts";
import type { Client } from "../sessions/session.ts";
import type { ClientStore } from "../sessions/store.ts";

/** The check that credentials are still valid, by `Credentials.id`. */
export interface CredentialsLife {
  stillHold(credentials: string): Promise<boolean>;
}

export class ClientAccess {
  readonly #store: Pick<ClientStore, "find" | "setCredentials">;
  readonly #life: CredentialsLife;

  constructor(store: Pick<ClientStore, "find" | "setCredentials">, life: CredentialsLife) {
    this.#store = store;
    this.#life = life;
  }

  /**
   * The client of this id, if the caller has access. The client of a revoked or expired key passes to the principal's
   * first caller with at least its scope, as keys are rotated while programs run.
   */
  async reach(principal: Principal, id: string): Promise<Client | undefined> {
    const client = await this.#store.find(principal.id, id);
    if (client === undefined || !includes(scopeOf(principal), neededFor(client))) return undefined;
    const credentials = credentialsOf(principal);
    const { scope = null } = principal;
    if (client.credentials === credentials && client.scope === scope) return client;
    if (client.credentials !== credentials && !(await this.#isFree(client))) return undefined;
    // Raise the client's scope to the token's: a later token with less must not receive its messages.
    await this.#store.setCredentials(id, { credentials, scope });
    return { ...client, credentials, scope };
  }

  /** True if any credentials may take over the client; a row of an earlier version has none. */
  async #isFree({ credentials }: Client): Promise<boolean> {
    return credentials === null || !(await this.#life.stillHold(credentials));
  }
}

const neededFor = ({ credentials, scope }: Client): Scope =>
  credentials === null ? "read" : (scope ?? "write");

// Who reaches a 2025-era client by its `Mcp-Session-Id`: the credentials that introduced it, renewed ones of theirs
// included, and nobody else of the same principal. Not here: sessions (access.ts).
import { credentialsOf, includes, scopeOf, type Principal, type Scope } from "../auth/principal.ts";
import type { Client } from "../sessions/session.ts";
import type { ClientStore } from "../sessions/store.ts";

/** Whether anybody can still come with these credentials, by `Credentials.id`. */
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
   * The client of this id, if it is the caller's. One whose key was revoked or has expired passes to the first of its
   * principal who comes with at least its scope: keys are rotated while programs run.
   */
  async reach(principal: Principal, id: string): Promise<Client | undefined> {
    const client = await this.#store.find(principal.id, id);
    if (client === undefined || !includes(scopeOf(principal), neededFor(client))) return undefined;
    const credentials = credentialsOf(principal);
    const { scope = null } = principal;
    if (client.credentials === credentials && client.scope === scope) return client;
    if (client.credentials !== credentials && !(await this.#isFree(client))) return undefined;
    // A token with more rights has asked for more by now: one with less is not to hear of that.
    await this.#store.setCredentials(id, { credentials, scope });
    return { ...client, credentials, scope };
  }

  /** One of an earlier version is theirs who come first. */
  async #isFree({ credentials }: Client): Promise<boolean> {
    return credentials === null || !(await this.#life.stillHold(credentials));
  }
}

const neededFor = ({ credentials, scope }: Client): Scope =>
  credentials === null ? "read" : (scope ?? "write");

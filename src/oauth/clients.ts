// Clients of the authorization server: registered by themselves (RFC 7591), or made by the operator.
import type { Audit } from "../auth/audit.ts";
import { LOCAL, type Principal } from "../auth/principal.ts";
import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import { newId } from "../lib/ids.ts";
import { isTrue } from "../lib/is-true.ts";
import { commandLine } from "../lib/text/command-line.ts";
import { nameOf, publicClient } from "./client-metadata.ts";
import type { OAuthClient, OAuthClientStore } from "./store.ts";

/** A client that registers is used within minutes. */
const UNUSED_MS = 86_400_000;
/** A sign-in under way protects its client before those that only register. */
const SIGN_IN_MS = 3_600_000;
const MAX_UNUSED = 1_000;

/** Whoever registers a client has shown no credentials. */
const NOBODY = { id: "(nobody)" };

export class Clients {
  readonly #store: OAuthClientStore;
  readonly #audit: Audit;
  readonly #clock: Clock;

  constructor(store: OAuthClientStore, audit: Audit, clock: Clock) {
    this.#store = store;
    this.#audit = audit;
    this.#clock = clock;
  }

  /** Store a client that has registered. Without a grant within a day it goes again. */
  async register(id: string, metadata: Record<string, unknown>): Promise<void> {
    const now = Math.floor(this.#clock.now());
    const stored: OAuthClient = {
      ...{ id, kind: "registered", metadata, createdAt: now, expiresAt: now + UNUSED_MS },
    };
    await this.#audit.noteWith(
      NOBODY,
      "client registered",
      id,
      () => this.#store.create(stored, MAX_UNUSED),
      { detail: () => nameOf({ ...metadata, client_id: id }) },
    );
  }

  /** A person is at the sign-in that this client has begun: it must not go meanwhile. */
  async begin(id: string): Promise<void> {
    await this.#store.extend(id, Math.floor(this.#clock.now()) + UNUSED_MS + SIGN_IN_MS);
  }

  /** Make a client by hand, for a program that cannot register. @throws AppError `invalid` */
  async create(
    { name, redirects }: { name: string; redirects: readonly string[] },
    by: Pick<Principal, "id"> = LOCAL,
  ): Promise<OAuthClient> {
    for (const redirect of redirects) checkRedirect(redirect);
    const client: OAuthClient = {
      id: newId(),
      kind: "manual",
      metadata: publicClient({ client_name: name, redirect_uris: redirects }),
      createdAt: Math.floor(this.#clock.now()),
      expiresAt: null,
    };
    await this.#audit.noteWith(
      by,
      "client created",
      client.id,
      () => this.#store.create(client, MAX_UNUSED),
      { detail: () => name },
    );
    return client;
  }

  find(id: string): Promise<OAuthClient | undefined> {
    return this.#store.find(id);
  }

  list(): Promise<OAuthClient[]> {
    return this.#store.list();
  }

  /** Delete a client, with all that was granted to it. @throws AppError `not_found` */
  async delete(id: string, by: Pick<Principal, "id"> = LOCAL): Promise<void> {
    const deleted = await this.#audit.noteWith(
      by,
      "client deleted",
      id,
      () => this.#store.delete(id),
      { done: isTrue },
    );
    if (!deleted)
      throw new AppError("not_found", `There is no client ${JSON.stringify(id)}.`, {
        hint: `${commandLine("clients list")} shows them.`,
      });
  }
}

/** Loopback addresses by http, others by https; an app may have a scheme of its own. */
function checkRedirect(text: string): void {
  const url = URL.parse(text);
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(url?.hostname ?? "");
  const isSafe =
    url !== null &&
    url.hash === "" &&
    (url.protocol === "http:"
      ? isLocal
      : !/^(javascript|vbscript|data|blob|file|about):$/.test(url.protocol));
  if (!isSafe)
    throw new AppError(
      "invalid",
      `redirect: expected an https address, one of this machine by http, or one of an app's own scheme, not ${JSON.stringify(text)}.`,
    );
}

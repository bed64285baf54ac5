// Sessions of browsers in the console. A browser holds a random secret in a cookie, of which a hash is stored. A
// one-time link holds such a secret too, and is exchanged for a session.
import { randomBytes } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import type { Expiring } from "../lib/expiring.ts";
import { isTrue } from "../lib/is-true.ts";
import { type ApiKeys, hashOf } from "./api-keys.ts";
import type { Audit } from "./audit.ts";
import {
  type Credentials,
  credentialsOf,
  LOCAL,
  type Principal,
  type Scope,
  scopeOf,
} from "./principal.ts";

export interface BrowserSession {
  /** SHA-256 of the secret. */
  hash: Uint8Array;
  kind: "session" | "link";
  principal: string;
  scope: Scope;
  /** The API key that signed in, or behind the passkey; the session ends with it. Null for a command's link. */
  keyId: string | null;
  /** The passkey that signed in; the session is deleted with it. */
  passkeyId: string | null;
  createdAt: number;
  expiresAt: number;
}

export interface BrowserSessionStore extends Expiring {
  /** Store a session or link; false, and none, if its passkey is gone. A principal's oldest ones beyond `max` are deleted. */
  create(session: BrowserSession, max: number): Promise<boolean>;
  /** The session or link of that hash, unless it has expired. */
  find(hash: Uint8Array): Promise<BrowserSession | undefined>;
  /** Turn a link into this session of the same principal, once; false if there is no such link any more. */
  redeem(
    link: Uint8Array,
    session: Pick<BrowserSession, "hash" | "createdAt" | "expiresAt">,
  ): Promise<boolean>;
  /** Delete a session. No effect on an unknown one. */
  delete(hash: Uint8Array): Promise<void>;
  /** A principal's sessions, without links, the newest first. */
  list(principal: string): Promise<BrowserSession[]>;
  /** Delete all sessions and links of a principal but one; resolves to their number. */
  deleteOthers(principal: string, kept: Uint8Array): Promise<number>;
}

/** A new session: its secret, for the cookie, and its end. */
export interface SignedIn {
  secret: string;
  expiresAt: number;
}

const SESSION_MS = 30 * 86_400_000;
export const LINK_MS = 3_600_000;
const MAX_PER_PRINCIPAL = 100;

/** The credentials of a sign-in with a passkey or a key; undefined without either. */
export function credentialsBehind({
  keyId,
  passkeyId,
}: Pick<BrowserSession, "keyId" | "passkeyId">): Credentials | undefined {
  const key = keyId === null ? {} : { key: keyId };
  if (passkeyId !== null) return { id: `passkey ${passkeyId}`, passkey: passkeyId, ...key };
  return keyId === null ? undefined : { id: `key ${keyId}`, ...key };
}

/**
 * `Credentials.id` for work that outlives a request of a browser without a key or passkey behind its sign-in: that of its
 * session.
 */
export const browserCredentials = (secret: string): string =>
  `browser ${Buffer.from(hashOf(secret)).toString("base64url")}`;

export const newSecret = (): string => randomBytes(32).toString("base64url");

export class BrowserSessions {
  readonly #store: BrowserSessionStore;
  readonly #keys: ApiKeys;
  readonly #audit: Audit;
  readonly #clock: Clock;

  constructor(store: BrowserSessionStore, keys: ApiKeys, audit: Audit, clock: Clock) {
    this.#store = store;
    this.#keys = keys;
    this.#audit = audit;
    this.#clock = clock;
  }

  /** Begin a session with the text of an API key; undefined for a key that is not valid. */
  async signIn(key: string): Promise<SignedIn | undefined> {
    const admission = await this.#keys.verify(key);
    return admission && this.begin(admission.principal);
  }

  /** Begin a session of somebody whose credentials were checked just now; undefined if the passkey was removed meanwhile. */
  async begin(principal: Principal): Promise<SignedIn | undefined> {
    const { id, credentials } = principal;
    const secret = newSecret();
    const now = this.#clock.now();
    const expiresAt = Math.min(now + SESSION_MS, credentials?.until ?? Infinity);
    const session: BrowserSession = {
      ...{ hash: hashOf(secret), kind: "session", principal: id, scope: scopeOf(principal) },
      ...{ keyId: credentials?.key ?? null, passkeyId: credentials?.passkey ?? null },
      ...{ createdAt: now, expiresAt },
    };
    const begun = await this.#audit.noteWith(
      { id },
      "signed in",
      credentialsOf(principal),
      () => this.#store.create(session, MAX_PER_PRINCIPAL),
      { done: isTrue },
    );
    return begun ? { secret, expiresAt } : undefined;
  }

  /** Make a link's secret, which signs in once as this principal within an hour. */
  async link({ principal, scope }: Pick<BrowserSession, "principal" | "scope">): Promise<string> {
    const secret = newSecret();
    const now = this.#clock.now();
    await this.#audit.noteWith(LOCAL, "link created", "console", () =>
      this.#store.create(
        {
          hash: hashOf(secret),
          kind: "link",
          principal,
          scope,
          keyId: null,
          passkeyId: null,
          createdAt: now,
          expiresAt: now + LINK_MS,
        },
        MAX_PER_PRINCIPAL,
      ),
    );
    return secret;
  }

  /** True while this link can be used. */
  async isLink(secret: string): Promise<boolean> {
    return (await this.#store.find(hashOf(secret)))?.kind === "link";
  }

  /** Exchange a link for a session; undefined for a link that was used or has expired. */
  async redeem(secret: string): Promise<SignedIn | undefined> {
    const link = hashOf(secret);
    const found = await this.#store.find(link);
    if (found?.kind !== "link") return undefined;
    const mine = newSecret();
    const createdAt = this.#clock.now();
    const session = { hash: hashOf(mine), createdAt, expiresAt: createdAt + SESSION_MS };
    const redeemed = await this.#audit.noteWith(
      { id: found.principal },
      "signed in",
      "link",
      () => this.#store.redeem(link, session),
      { done: isTrue },
    );
    return redeemed ? { secret: mine, expiresAt: session.expiresAt } : undefined;
  }

  /** The principal of a cookie's secret; undefined without a session, and when its key is no longer valid. */
  async find(secret: string): Promise<Principal | undefined> {
    const session = await this.#store.find(hashOf(secret));
    if (session?.kind !== "session") return undefined;
    const { principal: id, scope, keyId, passkeyId, expiresAt } = session;
    if (keyId !== null && !(await this.#keys.holds(keyId))) return undefined;
    const credentials = credentialsBehind({ keyId, passkeyId });
    if (credentials === undefined)
      return id === LOCAL.id && scope === "admin" ? LOCAL : { id, scope };
    return { id, scope, credentials: { ...credentials, until: expiresAt } };
  }

  /** True while the session lasts that `browserCredentials` names. */
  async holds(id: string): Promise<boolean> {
    return (await this.#store.find(Buffer.from(id, "base64url")))?.kind === "session";
  }

  signOut(secret: string): Promise<void> {
    return this.#store.delete(hashOf(secret));
  }

  /** The principal's sessions, the newest first; `isThis`: the one of this secret. */
  async list(
    { id }: Pick<Principal, "id">,
    secret: string,
  ): Promise<(Omit<BrowserSession, "hash"> & { isThis: boolean })[]> {
    const mine = Buffer.from(hashOf(secret));
    const all = await this.#store.list(id);
    return all.map(({ hash, ...session }) => ({ ...session, isThis: mine.equals(hash) }));
  }

  /** End the principal's other sessions, and links that were not used. */
  async signOutOthers({ id }: Pick<Principal, "id">, secret: string): Promise<void> {
    await this.#audit.noteWith(
      { id },
      "signed out elsewhere",
      "console",
      () => this.#store.deleteOthers(id, hashOf(secret)),
      { done: (count) => count !== 0 },
    );
  }
}

// API keys. The text of a key is shown once and stored as a plain hash: its 256 random bits cannot be guessed from a
// hash.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import { isTrue } from "../lib/is-true.ts";
import { commandLine } from "../lib/text/command-line.ts";
import { checkText } from "../lib/text/text.ts";
import type { Audit } from "./audit.ts";
import { type AuthInfo, LOCAL, type Principal, type Scope } from "./principal.ts";

export interface ApiKey {
  /** Public part of the key: names it in lists and revokes it. */
  id: string;
  hash: Uint8Array;
  principal: string;
  scope: Scope;
  createdAt: number;
  lastUsedAt: number | null;
  expiresAt: number | null;
  revokedAt: number | null;
}

export interface ApiKeyStore {
  create(key: ApiKey): Promise<void>;
  find(id: string): Promise<ApiKey | undefined>;
  /** Oldest first. */
  list(): Promise<ApiKey[]>;
  /** True if there is any key, even a revoked or expired one. */
  any(): Promise<boolean>;
  /** False for an unknown key and for one that is revoked already. */
  revoke(id: string): Promise<boolean>;
  /** Delete revoked and expired keys. */
  deleteDead(): Promise<void>;
  /** Record uses (key id → milliseconds). */
  touch(times: ReadonlyMap<string, number>): Promise<void>;
}

const KEY = /^hf_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;

/** The id of the key that an Authorization header names. */
export const keyIdOf = (authorization: string | undefined): string | undefined =>
  authorization && KEY.exec(authorization.slice(authorization.lastIndexOf(" ") + 1))?.[1];

const MAX_PRINCIPAL_BYTES = 200;

/** The hash of a random secret, which is stored in its place. */
export const hashOf = (secret: string): Buffer => createHash("sha256").update(secret).digest();

export interface NewApiKey {
  principal: string;
  scope: Scope;
  /** Milliseconds until the key expires; `Infinity` for never. */
  lifetimeMs: number;
}

export interface ApiKeyOptions {
  store: ApiKeyStore;
  audit: Audit;
  clock: Clock;
  /** Called on each use of a key. */
  onUse?(id: string): void;
}

export class ApiKeys {
  readonly #store: ApiKeyStore;
  readonly #clock: Clock;
  readonly #audit: Audit;
  readonly #onUse: (id: string) => void;

  constructor({ store, audit, clock, onUse = () => undefined }: ApiKeyOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#audit = audit;
    this.#onUse = onUse;
  }

  /** Resolves to the stored key and, this once, its text. @throws AppError `invalid` */
  async create(
    { principal, scope, lifetimeMs }: NewApiKey,
    by: Pick<Principal, "id"> = LOCAL,
  ): Promise<{ stored: ApiKey; key: string }> {
    if (principal.trim() === "")
      throw new AppError("invalid", "principal: expected a name that is not empty.");
    if (principal.trim() !== principal)
      throw new AppError("invalid", "principal: expected a name without space around it.");
    checkText("principal", principal, MAX_PRINCIPAL_BYTES);
    const id = randomBytes(6).toString("hex");
    const secret = randomBytes(32).toString("base64url");
    const now = this.#clock.now();
    const stored: ApiKey = {
      ...{ id, hash: hashOf(secret), principal, scope, createdAt: now, lastUsedAt: null },
      expiresAt: lifetimeMs === Infinity ? null : now + lifetimeMs,
      revokedAt: null,
    };
    await this.#audit.noteWith(by, "key created", id, () => this.#store.create(stored), {
      detail: () => `${scope} for ${principal}`,
    });
    return { stored, key: `hf_${id}_${secret}` };
  }

  /** Resolve the principal of a key; undefined for an unknown, wrong, expired or revoked one. */
  async verify(key: string): Promise<AuthInfo | undefined> {
    const [, id, secret] = KEY.exec(key) ?? [];
    if (id === undefined || secret === undefined) return undefined;
    const stored = await this.#store.find(id);
    const same = timingSafeEqual(stored?.hash ?? hashOf(""), hashOf(secret));
    if (stored === undefined || !same || !this.isValid(stored)) return undefined;
    this.#onUse(id);
    const { principal, scope, expiresAt } = stored;
    const until = expiresAt === null ? {} : { until: expiresAt };
    return {
      principal: { id: principal, scope, credentials: { id: `key ${id}`, key: id, ...until } },
      credentials: `key ${id}`,
      holds: () => this.holds(id),
    };
  }

  /** True while the key of this id is valid. */
  async holds(id: string): Promise<boolean> {
    const stored = await this.#store.find(id);
    return stored !== undefined && this.isValid(stored);
  }

  isValid({ expiresAt, revokedAt }: ApiKey): boolean {
    return revokedAt === null && (expiresAt === null || expiresAt > this.#clock.now());
  }

  list(): Promise<ApiKey[]> {
    return this.#store.list();
  }

  any(): Promise<boolean> {
    return this.#store.any();
  }

  /** @throws AppError `not_found` */
  async revoke(id: string, by: Pick<Principal, "id"> = LOCAL): Promise<void> {
    const revoked = await this.#audit.noteWith(
      by,
      "key revoked",
      id,
      () => this.#store.revoke(id),
      { done: isTrue },
    );
    if (!revoked)
      throw new AppError("not_found", `There is no living key ${JSON.stringify(id)}.`, {
        hint: `${commandLine("keys list")} shows them.`,
      });
  }

  /**
   * Delete the dead keys, so that callers need no credentials any more.
   * @throws AppError `invalid` while a key is valid
   */
  async open(): Promise<void> {
    const valid = (await this.list()).filter((key) => this.isValid(key));
    if (valid.length > 0)
      throw new AppError(
        "invalid",
        `Still valid: ${valid.map(({ id, principal }) => `${id} of ${principal}`).join(", ")}.`,
        { hint: `${commandLine("keys revoke ID")} ends a key; then open again.` },
      );
    await this.#audit.noteWith(LOCAL, "opened to all", "keys", () => this.#store.deleteDead());
  }
}

// The signing keys of an OAuth issuer, found through its metadata and fetched when a token needs one. Nothing is
// fetched at the start, so an issuer that is down does not keep the server from starting. Outdated keys are not used.
import type { createRemoteJWKSet, JWTVerifyGetKey } from "jose";
import { z } from "zod";
import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import { isPrivateUrl } from "../lib/loopback.ts";
import { once } from "../lib/once.ts";

/** Loaded for the first token: few servers have an issuer. */
export const jose = once(() => import("jose"));

const TIMEOUT_MS = 5_000;
/** Time without attempts after a failure: a silent issuer must not make every call wait. */
const RETRY_MS = 2_000;

const METADATA = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) });

/** Called once when the issuer's keys cannot be fetched, and once when they can be again. */
export interface IssuerEvents {
  onDown?(reason: unknown): void;
  /** `refused`: number of requests refused meanwhile. */
  onUp?(refused: number): void;
}

export class IssuerKeys {
  readonly #issuer: string;
  readonly #clock: Clock;
  readonly #events: IssuerEvents;
  #isDown = false;
  #refused = 0;
  #set: Promise<ReturnType<typeof createRemoteJWKSet>> | undefined;
  #retryAt = 0;

  constructor(issuer: string, clock: Clock, events: IssuerEvents = {}) {
    this.#issuer = issuer;
    this.#clock = clock;
    this.#events = events;
  }

  /**
   * Find the key of a token, for `jwtVerify`.
   * @throws AppError `unavailable`; an error of jose if the issuer has no such key
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    try {
      return await this.#find(header, token);
    } catch (error) {
      if (error instanceof AppError) this.#refused += 1;
      throw error;
    }
  };

  readonly #find: JWTVerifyGetKey = async (header, token) => {
    const set = await (this.#set ??= this.#discover());
    try {
      return await set(header, token);
    } catch (error) {
      const { errors } = await jose();
      if (error instanceof errors.JOSEError) throw error;
      // Read the metadata again: it names the new address if the keys have moved.
      if (!set.fresh) this.#set = undefined;
      throw error instanceof AppError ? error : unavailable(error);
    }
  };

  async #discover(): Promise<ReturnType<typeof createRemoteJWKSet>> {
    try {
      const { createRemoteJWKSet, customFetch } = await jose();
      const url = await this.#attempt(() => this.#keysUrl());
      return createRemoteJWKSet(url, {
        timeoutDuration: TIMEOUT_MS,
        [customFetch]: (address: string, { signal }: { signal: AbortSignal }) =>
          this.#attempt(async () => {
            const keys = await getKeySet(address, signal);
            this.#isBack();
            return Response.json(keys);
          }),
      });
    } catch (error) {
      this.#set = undefined;
      throw error;
    }
  }

  /** Read the address of the keys from the first metadata document found. */
  async #keysUrl(): Promise<URL> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answers = await Promise.allSettled(
      metadataUrls(this.#issuer).map(async (url) => this.#check(await getJson(url, signal))),
    );
    const found = answers.find((answer) => answer.status === "fulfilled");
    if (found !== undefined) return found.value;
    const reasons = answers.map((answer) => (answer as PromiseRejectedResult).reason as unknown);
    throw new AggregateError(reasons, `There is no usable metadata of ${this.#issuer}`);
  }

  #check(document: unknown): URL {
    const { issuer, jwks_uri } = METADATA.parse(document);
    if (issuer !== this.#issuer)
      throw new Error(`The metadata is of the issuer ${issuer}: auth-issuer must be just that`);
    const url = new URL(jwks_uri);
    if (!isPrivateUrl(url))
      throw new Error("The keys of an issuer must be at an https address, or on this machine");
    return url;
  }

  /** Call after fetching keys only: cached keys and metadata work while the issuer is down. */
  #isBack(): void {
    if (this.#isDown) this.#events.onUp?.(this.#refused);
    this.#isDown = false;
    this.#refused = 0;
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    if (this.#clock.now() < this.#retryAt) throw unavailable();
    try {
      return await work();
    } catch (error) {
      this.#retryAt = this.#clock.now() + RETRY_MS;
      if (!this.#isDown) this.#events.onDown?.(error);
      this.#isDown = true;
      throw unavailable(error);
    }
  }
}

/** Addresses of RFC 8414, then of OpenID Connect discovery: before the issuer's path, then after it. */
export function metadataUrls(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, "");
  return [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}/.well-known/openid-configuration${path}`,
    ...(path === "" ? [] : [`${origin}${path}/.well-known/openid-configuration`]),
  ];
}

async function getJson(url: string, signal: AbortSignal): Promise<unknown> {
  const headers = { accept: "application/json" };
  const response = await fetch(url, { signal, headers, redirect: "error" });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${url} answered ${response.status}`);
  }
  return response.json();
}

async function getKeySet(url: string, signal: AbortSignal): Promise<unknown> {
  const set = await getJson(url, signal);
  if (KEY_SET.safeParse(set).success) return set;
  throw new Error(`${url} has no set of keys`);
}

const KEY_SET = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

const unavailable = (cause?: unknown): AppError =>
  new AppError("unavailable", "The issuer of access tokens does not tell its keys at present.", {
    hint: "Try again in a few seconds.",
    cause,
  });

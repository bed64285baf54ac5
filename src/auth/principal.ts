// Who is calling. Every access is decided on (principal, id).

/**
 * What a caller may do, each including the ones before it. `admin` is the operator's: /metrics, and any session by its id,
 * which it opens as the owner does. Its lists, searches and names are those of its own principal and what is shared with it.
 */
export const SCOPES = ["read", "write", "admin"] as const;
/** Nothing but /metrics: for a program that watches the server, and opens no session. */
const METRICS = "metrics";
export const ALL_SCOPES = [METRICS, ...SCOPES] as const;
export type Scope = (typeof ALL_SCOPES)[number];

export interface Principal {
  /** Stable name of the owner of sessions and clients. */
  readonly id: string;
  /** Absent for everything that an owner may do. */
  readonly scope?: Scope;
  /** Absent where none are asked for. */
  readonly credentials?: Credentials;
}

/** By what somebody was let in, without its secret. */
export interface Credentials {
  /** The same for a token that is renewed: an API key, or the OAuth client that the token was given to. */
  readonly id: string;
  /** Of an API key, by which it is revoked. */
  readonly key?: string;
  /** When they end by themselves, in milliseconds; absent for never. */
  readonly until?: number;
}

/** What stands for the credentials of a caller who was asked for none. */
export const NO_CREDENTIALS = "none";

export const credentialsOf = ({ credentials }: Principal): string =>
  credentials?.id ?? NO_CREDENTIALS;

/** Somebody who was let in, and by what. */
export interface AuthInfo {
  readonly principal: Principal;
  /** Names the credentials, without their secret. */
  readonly credentials: string;
  /** Whether they still let in: keys are revoked, tokens expire. */
  holds(): Promise<boolean>;
}

/** The caller on loopback and on stdio, where no credentials are asked for. */
export const LOCAL: Principal = Object.freeze({ id: "local" });

/** Where no credentials are asked for, everybody is the operator. */
export const scopeOf = (principal: Principal): Scope =>
  principal === LOCAL ? "admin" : (principal.scope ?? "write");

/** Whether a scope includes another one. */
export const includes = (scope: Scope, wanted: Scope): boolean =>
  scope === METRICS || wanted === METRICS
    ? scope === wanted || scope === "admin"
    : SCOPES.indexOf(scope) >= SCOPES.indexOf(wanted);

export const may = (principal: Principal, wanted: Scope): boolean =>
  includes(scopeOf(principal), wanted);

/** The highest of some scopes, `metrics` being the lowest; undefined when none is one of ours. */
export const highestScope = (names: readonly string[]): Scope | undefined =>
  ALL_SCOPES.toReversed().find((scope) => names.includes(scope));

// The identity behind a request. Every access is decided on (principal, id).

/**
 * Permissions of a caller, each including the ones before it. `admin` is the operator's: /metrics, and any session by
 * its id, opened as its owner does. The lists, searches and names of `admin` stay those of its own principal and of
 * sessions shared with it.
 */
export const SCOPES = ["read", "write", "admin"] as const;
/** Access to /metrics and nothing else: for a monitoring program, which opens no session. */
const METRICS = "metrics";
export const ALL_SCOPES = [METRICS, ...SCOPES] as const;
export type Scope = (typeof ALL_SCOPES)[number];

export interface Principal {
  /** Stable name of the owner of sessions and clients. */
  readonly id: string;
  /** Absent for everything that an owner may do. */
  readonly scope?: Scope;
  /** Absent while callers need no credentials. */
  readonly credentials?: Credentials;
  /** The run of a task that acts: it writes nothing more once the task is another run's, or has ended. */
  readonly run?: ActingRun;
}

/** The claim of a run: see `Claim` in ../tasks/store.ts. */
export interface ActingRun {
  readonly id: string;
  readonly instanceId: string;
  readonly attempt: number;
}

/** The credentials of a caller, without their secret. */
export interface Credentials {
  /** Id of an API key, of a grant, or of another issuer's client; a renewed token has the same id. */
  readonly id: string;
  /** Id of the API key that is used, or that a person signed in with: its end revokes them. */
  readonly key?: string;
  /** Id of the passkey that a person signed in with. */
  readonly passkey?: string;
  /** Id of what a person has granted to a client of this server's own sign-in: its end revokes them, too. */
  readonly grant?: string;
  /** Expiry, in milliseconds since 1970; absent for never. */
  readonly until?: number;
}

/** Credentials id of a caller who needed none. */
export const NO_CREDENTIALS = "none";

export const credentialsOf = ({ credentials }: Principal): string =>
  credentials?.id ?? NO_CREDENTIALS;

/** A caller that was let in, and its credentials. */
export interface AuthInfo {
  readonly principal: Principal;
  /** Name of the credentials, without their secret. */
  readonly credentials: string;
  /** True while the credentials are valid: keys are revoked, tokens expire. */
  holds(): Promise<boolean>;
}

/** The caller on loopback and on stdio, where no credentials are needed. */
export const LOCAL: Principal = Object.freeze({ id: "local" });

/** The principal with rights as rows keep them. */
export const principalOf = (
  id: string,
  { scope, credentials }: { scope: Scope | null; credentials: Credentials | null },
): Principal =>
  id === LOCAL.id && scope === null && credentials === null
    ? LOCAL
    : { id, ...(scope && { scope }), ...(credentials && { credentials }) };

/** The caller on loopback and on stdio, as it acts in runs of tasks. */
const localRuns = new WeakSet<Principal>();

/** The same principal with the same rights, as the run of a task. */
export function inRun(principal: Principal, run: ActingRun): Principal {
  const acting = { ...principal, run };
  if (principal === LOCAL) localRuns.add(acting);
  return acting;
}

/** A caller without credentials is the operator. */
export const scopeOf = (principal: Principal): Scope =>
  principal === LOCAL || (principal.run !== undefined && localRuns.has(principal))
    ? "admin"
    : (principal.scope ?? "write");

/** True if `scope` includes `wanted`. */
export const includes = (scope: Scope, wanted: Scope): boolean =>
  scope === METRICS || wanted === METRICS
    ? scope === wanted || scope === "admin"
    : SCOPES.indexOf(scope) >= SCOPES.indexOf(wanted);

export const may = (principal: Principal, wanted: Scope): boolean =>
  includes(scopeOf(principal), wanted);

/** The highest of some scopes, `metrics` being the lowest; undefined if none is known. */
export const highestScope = (names: readonly string[]): Scope | undefined =>
  ALL_SCOPES.findLast((scope) => names.includes(scope));

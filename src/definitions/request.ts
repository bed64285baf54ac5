// The request as handlers of tools, prompts and resources see it: without its credentials.
import type { ClientCapabilities } from "@modelcontextprotocol/server";
import type { Principal } from "../auth/principal.ts";

/** The calling program's name for itself. */
export interface CallingProgram {
  readonly name: string;
  readonly version: string;
  readonly protocolVersion: string;
  readonly capabilities: ClientCapabilities;
}

export interface RequestInfo {
  /** The request's `_meta`, frozen; empty without one. */
  readonly meta: Readonly<Record<string, unknown>>;
  /**
   * HTTP headers by lower-case name, without credentials. Undefined over stdio, and for a call that runs again after a
   * crash: headers are not stored.
   */
  readonly headers: Readonly<Record<string, string>> | undefined;
}

/** The caller and its request, for handlers of every kind. */
export interface RequestContext {
  principal: Principal;
  client: CallingProgram | undefined;
  /** Aborted when the caller cancels. */
  signal: AbortSignal;
  request: RequestInfo;
}

/** Names of headers that carry credentials, for this server or for a proxy in front of it. */
const CREDENTIAL =
  /authori[sz]ation|authenticat|^x-auth|cookie|token|secret|api-?key|access-?key|session|credential|passw|jwt|assertion|signature|client-cert|^x-ssl-|^x-amzn-oidc/;

export const requestInfo = (meta: object | undefined, headers: Headers | undefined): RequestInfo =>
  new GivenRequest(meta, headers);

/** Computes `meta` and `headers` on first use: hardly any handler reads them. */
class GivenRequest implements RequestInfo {
  readonly #given: object | undefined;
  readonly #allHeaders: Headers | undefined;
  #meta: Readonly<Record<string, unknown>> | undefined;
  #headers: Readonly<Record<string, string>> | undefined;

  constructor(meta: object | undefined, headers: Headers | undefined) {
    this.#given = meta;
    this.#allHeaders = headers;
  }

  get meta(): Readonly<Record<string, unknown>> {
    return (this.#meta ??= deepFrozen(structuredClone({ ...this.#given })));
  }

  get headers(): Readonly<Record<string, string>> | undefined {
    if (this.#allHeaders === undefined) return undefined;
    return (this.#headers ??= Object.freeze(withoutCredentials(this.#allHeaders)));
  }
}

const withoutCredentials = (headers: Headers): Record<string, string> =>
  Object.fromEntries([...headers].filter(([name]) => !CREDENTIAL.test(name)));

function deepFrozen<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  for (const child of Object.values(value)) deepFrozen(child);
  return Object.freeze(value);
}

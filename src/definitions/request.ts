// What the handlers of tools, prompts and resources learn of the request that they answer, without its credentials.
import type { ClientCapabilities } from "@modelcontextprotocol/server";
import type { Principal } from "../auth/principal.ts";
import { once } from "../lib/once.ts";

/** The program that calls, as it introduces itself. */
export interface CallingProgram {
  readonly name: string;
  readonly version: string;
  readonly protocolVersion: string;
  readonly capabilities: ClientCapabilities;
}

export interface RequestInfo {
  /** The request's `_meta`, frozen; empty where it has none. */
  readonly meta: Readonly<Record<string, unknown>>;
  /**
   * HTTP headers by name in small letters, without credentials. Undefined over stdio, and where the request runs again
   * after a crash: headers are not stored.
   */
  readonly headers: Readonly<Record<string, string>> | undefined;
}

/** Who asks, for whatever is asked. */
export interface RequestContext {
  principal: Principal;
  client: CallingProgram | undefined;
  /** Aborted when the caller cancels. */
  signal: AbortSignal;
  request: RequestInfo;
}

/** Names of headers that let their sender in somewhere, here or behind the proxy in front. */
const CREDENTIAL =
  /authori[sz]ation|authenticat|^x-auth|cookie|token|secret|api-?key|access-?key|session|credential|passw|jwt|assertion|signature|client-cert|^x-ssl-|^x-amzn-oidc/;

/** Both are made when somebody looks: hardly any handler does. */
export function requestInfo(meta: object | undefined, headers: Headers | undefined): RequestInfo {
  const copyOfMeta = once(() => deepFrozen(structuredClone(meta ?? {})));
  const copyOfHeaders = once(() => headers && Object.freeze(withoutCredentials(headers)));
  return Object.freeze({
    get meta() {
      return copyOfMeta() as Readonly<Record<string, unknown>>;
    },
    get headers() {
      return copyOfHeaders();
    },
  });
}

const withoutCredentials = (headers: Headers): Record<string, string> =>
  Object.fromEntries([...headers].filter(([name]) => !CREDENTIAL.test(name)));

function deepFrozen<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  for (const child of Object.values(value)) deepFrozen(child);
  return Object.freeze(value);
}

// Requests as the library gets them: at the server's own address, whatever a proxy made of it, and with the parameters that
// hosts leave out or spell in their own way.
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { GRANTABLE } from "./grants.ts";

/** Parameters of OpenID Connect, which mean nothing without the scope `openid`. */
const OPENID_ONLY = ["acr_values", "claims", "claims_locales", "id_token_hint", "max_age", "nonce"];
/** Parameters that are brought into another form. */
const SHAPED = ["scope", "prompt", "response_mode"];
const PROMPTS = ["none", "login", "consent"];

export interface Resource {
  /** The address of /mcp: audience of all tokens. */
  url: string;
  /** True for another name of it that clients use: the whole host, or an address below. */
  isOurs(name: string): boolean;
}

/** The parameters of an authorization request. */
export function authorizationParams(sent: URLSearchParams, resource: Resource): URLSearchParams {
  const params = withResource(sent, resource);
  // The library refuses a parameter that comes twice; one of them must not win here.
  if (SHAPED.some((name) => params.getAll(name).length > 1)) return params;
  const scopes = (params.get("scope") ?? "").split(" ").filter(Boolean);
  // Without a scope of ours a token would open nothing. The person chooses on the consent page.
  if (!GRANTABLE.some((scope) => scopes.includes(scope))) scopes.push(...GRANTABLE);
  params.set("scope", scopes.join(" "));
  if (!scopes.includes("openid")) for (const name of OPENID_ONLY) params.delete(name);
  // Others post a form by themselves, or hide the code from the client's server.
  if (![null, "query"].includes(params.get("response_mode")))
    params.set("response_mode", "unsupported");
  const prompts = (params.get("prompt") ?? "").split(" ").filter((one) => PROMPTS.includes(one));
  if (prompts.length > 0) params.set("prompt", prompts.join(" "));
  else params.delete("prompt");
  return params;
}

/** The parameters of a token request. */
export function tokenParams(sent: URLSearchParams, resource: Resource): URLSearchParams {
  const params = withResource(sent, resource);
  const asked = params.getAll("scope");
  if (params.get("grant_type") !== "refresh_token" || asked.length !== 1) return params;
  // Hosts repeat the scope that they have asked for at first. The library refuses all that was not granted, such as
  // `email`, and what the person has left out. A lesser scope is left to narrow the new token.
  const scopes = asked[0]!.split(" ");
  if (scopes.includes("read") && !scopes.includes("write"))
    params.set("scope", scopes.filter((scope) => ["openid", "read"].includes(scope)).join(" "));
  else params.delete("scope");
  return params;
}

/** Parameters in which every name of this server's resource is the same one. */
function withResource(sent: URLSearchParams, { url, isOurs }: Resource): URLSearchParams {
  const params = new URLSearchParams(sent);
  const named = params.getAll("resource").filter(Boolean);
  params.delete("resource");
  for (const name of new Set(named.map((one) => (isOurs(one) ? url : one))))
    params.append("resource", name);
  return params;
}

export interface ForwardedRequest {
  /** Path and query. */
  target: string;
  body: Buffer | undefined;
}

/** A request for the library. Its address is the issuer's. */
export function forwarded(
  incoming: IncomingMessage,
  issuer: URL,
  { target, body }: ForwardedRequest,
): IncomingMessage {
  const stream = Readable.from(body === undefined ? [] : [body], { objectMode: false });
  const { "x-forwarded-host": _, "transfer-encoding": __, ...headers } = incoming.headers;
  return Object.assign(stream, {
    method: incoming.method,
    url: target,
    socket: incoming.socket,
    httpVersion: incoming.httpVersion,
    headers: {
      ...headers,
      host: issuer.host,
      "x-forwarded-proto": issuer.protocol.slice(0, -1),
      ...(body !== undefined && { "content-length": String(body.byteLength) }),
    },
  }) as unknown as IncomingMessage;
}

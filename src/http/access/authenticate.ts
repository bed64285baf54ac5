// Authenticates HTTP requests: sets the principal, or answers with a challenge (RFC 6750).
import { OAuthError, OAuthErrorCode } from "@modelcontextprotocol/server";
import type { Context } from "hono";
import { type Authenticator, MissingCredentials } from "../../auth/authenticator.ts";
import { type AuthInfo, may, type Scope } from "../../auth/principal.ts";
import type { Refuse } from "../../telemetry/metrics.ts";
import type { Authenticated, Guard } from "../guards/guard.ts";
import { pathName } from "../guards/target.ts";
import type { OpenConnections } from "../limits/connections.ts";
import { WrongCredentials } from "../limits/limits.ts";
import { addressOf } from "../observe.ts";
import { type ProtectedResource, USUAL_SCOPES } from "./protected-resource.ts";

/** Challenge for a caller whose scope is too low. */
export const insufficientScope = (
  c: Context<Authenticated>,
  scope: Scope,
  resource?: ProtectedResource,
): Response =>
  challenge(
    c,
    new OAuthError(OAuthErrorCode.InsufficientScope, `This needs the scope ${scope}.`),
    [scope],
    resource,
  );

export interface AuthenticateOptions {
  authenticator: Authenticator;
  /** Present with an issuer of tokens, to which the challenge leads clients. */
  resource: ProtectedResource | undefined;
  connections: OpenConnections;
  refuse: Refuse;
}

export function authenticate({
  authenticator,
  resource,
  connections,
  refuse,
}: AuthenticateOptions): Guard {
  const wrong = new WrongCredentials();
  return async (c) => {
    const sent = c.req.header("authorization");
    const { socket } = c.env.incoming;
    let admission: AuthInfo;
    try {
      admission = await authenticator.authenticate(sent);
    } catch (error) {
      if (!(error instanceof OAuthError || error instanceof MissingCredentials)) throw error;
      refuse("auth");
      if (sent !== undefined)
        await wrong.note(addressOf(socket.remoteAddress, c.req.header("x-forwarded-for")));
      return challenge(c, error, resource ? USUAL_SCOPES : [], resource);
    }
    connections.admit(socket);
    c.set("principal", admission.principal);
    c.set("admission", admission);
    return undefined;
  };
}

/** Guard after authentication: the caller's scope must include this one. */
export const needsScope =
  (scope: Scope, resource: ProtectedResource | undefined, refuse: Refuse): Guard =>
  (c) => {
    if (may(c.get("principal"), scope)) return undefined;
    refuse("scope");
    return insufficientScope(c, scope, resource);
  };

const STATUS: Readonly<Record<string, number>> = {
  [OAuthErrorCode.InvalidRequest]: 400,
  [OAuthErrorCode.InvalidToken]: 401,
  [OAuthErrorCode.InsufficientScope]: 403,
};

function challenge(
  c: Context<Authenticated>,
  error: OAuthError | MissingCredentials,
  scopes: readonly string[],
  resource: ProtectedResource | undefined,
): Response {
  const { message } = error;
  const code = error instanceof OAuthError ? error.code : undefined;
  const parameters = {
    ...(code === undefined ? { realm: "holdfast" } : { error: code, error_description: message }),
    ...(scopes.length > 0 && { scope: scopes.join(" ") }),
    ...(resource && { resource_metadata: resource.metadataUrl(pathName(c.req.url)) }),
  };
  const said = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`);
  return Response.json(
    { error: code, error_description: message },
    {
      status: STATUS[code ?? OAuthErrorCode.InvalidToken] ?? 400,
      headers: { "www-authenticate": `Bearer ${said.join(", ")}` },
    },
  );
}

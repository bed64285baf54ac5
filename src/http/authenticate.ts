// Credentials over HTTP: who a request comes from, or the challenge to bring some.
import {
  bearerAuthChallengeResponse,
  OAuthError,
  OAuthErrorCode,
} from "@modelcontextprotocol/server";
import type { Context } from "hono";
import type { Authenticator } from "../auth/authenticator.ts";
import { may, type Admission, type Scope } from "../auth/principal.ts";
import type { Refuse } from "../telemetry/metrics.ts";
import type { Authenticated, Guard } from "./guard.ts";
import { pathName } from "./target.ts";
import { USUAL_SCOPES, type ProtectedResource } from "./protected-resource.ts";

/** The challenge to come back with more rights. */
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

/** `resource`: present where an issuer gives out tokens, whose clients are told where to get one. */
export const authenticate =
  (authenticator: Authenticator, resource: ProtectedResource | undefined, refuse: Refuse): Guard =>
  async (c) => {
    let admission: Admission;
    try {
      admission = await authenticator.authenticate(c.req.header("authorization"));
    } catch (error) {
      if (!(error instanceof OAuthError)) throw error;
      refuse("auth");
      return challenge(c, error, resource ? USUAL_SCOPES : [], resource);
    }
    c.set("principal", admission.principal);
    c.set("admission", admission);
    return undefined;
  };

/** For credentials that were let in. */
export const needsScope =
  (scope: Scope, resource: ProtectedResource | undefined, refuse: Refuse): Guard =>
  (c) => {
    if (may(c.get("principal"), scope)) return undefined;
    refuse("scope");
    return insufficientScope(c, scope, resource);
  };

const challenge = (
  c: Context<Authenticated>,
  error: OAuthError,
  requiredScopes: string[],
  resource: ProtectedResource | undefined,
): Response =>
  bearerAuthChallengeResponse(error, {
    requiredScopes,
    ...(resource && { resourceMetadataUrl: resource.metadataUrl(pathName(c.req.url)) }),
  });

// Credentials over HTTP: who a request comes from, or the challenge to bring some.
import {
  bearerAuthChallengeResponse,
  OAuthError,
  OAuthErrorCode,
} from "@modelcontextprotocol/server";
import type { MiddlewareHandler } from "hono";
import type { Authenticator } from "../auth/authenticator.ts";
import type { Principal, Scope } from "../auth/principal.ts";

/** What later handlers find in the context. */
export interface Authenticated {
  Variables: { principal: Principal };
}

/** The challenge to come back with more rights. */
export const insufficientScope = (scope: Scope): Response =>
  bearerAuthChallengeResponse(
    new OAuthError(OAuthErrorCode.InsufficientScope, `This needs the scope ${scope}.`),
    { requiredScopes: [scope] },
  );

export const authenticate =
  (authenticator: Authenticator): MiddlewareHandler<Authenticated> =>
  async (c, next) => {
    try {
      c.set("principal", await authenticator.authenticate(c.req.header("authorization")));
    } catch (error) {
      if (error instanceof OAuthError) return bearerAuthChallengeResponse(error);
      throw error;
    }
    return next();
  };

// Authenticates HTTP requests: sets the principal, or throws a challenge.
import { OAuthError } from "@modelcontextprotocol/server";
import { type Authenticator, MissingCredentials } from "../../auth/authenticator.ts";
import { type AuthInfo, may, type Scope } from "../../auth/principal.ts";
import { perTurn } from "../../lib/cache/per-turn.ts";
import type { Refuse } from "../../telemetry/metrics.ts";
import type { Guard } from "../guards/guard.ts";
import type { OpenConnections } from "../limits/connections.ts";
import { WrongCredentials } from "../limits/limits.ts";
import { addressOf } from "../observe.ts";
import { Challenge, insufficientScope } from "./challenge.ts";
import { type ProtectedResource, USUAL_SCOPES } from "./protected-resource.ts";

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
  // A turn's requests go on together: those with the same credentials are let in by one look.
  const admit = perTurn((authorization) => authenticator.authenticate(authorization));
  return async (c) => {
    const sent = c.req.header("authorization");
    const { socket } = c.env.incoming;
    let admission: AuthInfo;
    try {
      admission = await admit(sent);
    } catch (error) {
      if (!(error instanceof OAuthError || error instanceof MissingCredentials)) throw error;
      refuse("auth");
      if (sent !== undefined)
        await wrong.note(addressOf(socket.remoteAddress, c.req.header("x-forwarded-for")));
      throw new Challenge(c, error, resource ? USUAL_SCOPES : [], resource);
    }
    connections.admit(socket);
    c.set("principal", admission.principal);
    c.set("admission", admission);
  };
}

/** Guard after authentication: the caller's scope must include this one. */
export const needsScope =
  (scope: Scope, resource: ProtectedResource | undefined, refuse: Refuse): Guard =>
  (c) => {
    if (may(c.get("principal"), scope)) return;
    refuse("scope");
    throw insufficientScope(c, scope, resource);
  };

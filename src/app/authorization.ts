// Whose access tokens the server accepts: those of a configured issuer, or those of its own authorization server.
import type { TokenVerifier } from "../auth/authenticator.ts";
import type { IssuerEvents } from "../auth/issuer-keys.ts";
import { AccessTokens } from "../auth/oauth.ts";
import { alwaysAsks, isAuthorizationServer } from "../config/auth-server.ts";
import type { Config } from "../config/config.ts";
import { ProtectedResource } from "../http/access/protected-resource.ts";
import { OwnAccessTokens } from "../oauth/access-tokens.ts";
import { AuthorizationServer } from "../oauth/authorization-server.ts";
import { DocumentedClients } from "../oauth/documented-clients.ts";
import type { FetchDocument } from "../oauth/metadata-documents.ts";
import { reasonOf, why } from "../telemetry/failures.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Data } from "./data.ts";

export interface Authorization {
  /** Absent where only keys are accepted. */
  tokens: TokenVerifier | undefined;
  resource: ProtectedResource | undefined;
  /** Present if programs sign in here. */
  server: AuthorizationServer | undefined;
  /** True if callers need credentials even without any key. */
  always: boolean;
}

export type AuthorizationParts = Pick<
  Data,
  "config" | "clock" | "log" | "storage" | "grants" | "oauthClients"
> & {
  /** Address of `/mcp` for clients, known once the server listens. */
  resourceUrl(): URL;
  /** Fetches what strangers name. Default: from public addresses only. */
  fetchDocument?: FetchDocument | undefined;
};

export function buildAuthorization(parts: AuthorizationParts): Authorization {
  const { config, resourceUrl } = parts;
  const issuer = config["auth-issuer"];
  if (issuer !== undefined)
    return {
      tokens: issuerTokens(issuer, parts),
      resource: new ProtectedResource(() => issuer, resourceUrl),
      server: undefined,
      always: true,
    };
  if (!isAuthorizationServer(config))
    return { tokens: undefined, resource: undefined, server: undefined, always: false };
  return {
    tokens: new OwnAccessTokens(parts.storage.oauthRecords, parts.grants, () => resourceUrl().href),
    resource: new ProtectedResource(() => resourceUrl().origin, resourceUrl),
    server: ownServer(parts),
    always: alwaysAsks(config),
  };
}

function ownServer({
  clock,
  log,
  storage,
  grants,
  oauthClients,
  resourceUrl,
  fetchDocument = fetchPublic,
}: AuthorizationParts): AuthorizationServer {
  return new AuthorizationServer({
    issuer: () => resourceUrl().origin,
    resource: {
      url: () => resourceUrl().href,
      isOurs: (name) => isUnder(name, resourceUrl().href, resourceUrl().origin),
    },
    records: storage.oauthRecords,
    clients: oauthClients,
    documents: new DocumentedClients({
      ...{ clients: storage.oauthClients, grants: storage.oauthGrants },
      ...{ fetchDocument, clock },
    }),
    ...{ grants, clock },
    async errorPage(response, reason, back) {
      const { refusedPage } = await import("../console/pages/authorize.ts");
      await refusedPage(response, reason, back);
    },
    onError: (error) => log.error(why(error), "a sign-in of a program failed"),
  });
}

/** Loads what it needs of HTTPS and DNS with the first client that has a document. */
const fetchPublic: FetchDocument = async (url) => {
  const { documentFetcher } = await import("../oauth/metadata-documents.ts");
  return documentFetcher()(url);
};

function issuerTokens(
  issuer: string,
  { config, clock, log, resourceUrl }: AuthorizationParts,
): AccessTokens {
  return new AccessTokens({
    issuer,
    isAudience: (name) => isAudience(name, config, resourceUrl()),
    plainJwt: config["auth-plain-jwt"],
    clock,
    events: issuerEvents(issuer, log),
  });
}

/** Accept the origin too: a client may read the metadata of the whole host only. */
function isAudience(name: string, config: Config, resource: URL): boolean {
  const audience = config["auth-audience"];
  return audience === undefined
    ? isUnder(name, resource.href, resource.origin)
    : isUnder(name, audience);
}

/** True for `root`, and for an address or a longer one: a program may ask for its whole address, such as /mcp/work. */
function isUnder(name: string, address: string, root?: string): boolean {
  if (name === root || name === `${root}/`) return true;
  return name.startsWith(address) && ["/", "?", undefined].includes(name[address.length]);
}

/** One line when the issuer goes down, one when it is back. */
const issuerEvents = (issuer: string, log: Logger): IssuerEvents => ({
  onDown: (error) => log.warn({ issuer, reason: reasonOf(error) }, "the issuer does not answer"),
  onUp: (refused) => log.warn({ issuer, refused }, "the issuer answers again"),
});

// The refusal of a request whose credentials are missing, wrong or too weak (RFC 6750, section 3).
import { OAuthError, OAuthErrorCode } from "@modelcontextprotocol/server";
import type { Context } from "hono";
import type { MissingCredentials } from "../../auth/authenticator.ts";
import type { Scope } from "../../auth/principal.ts";
import { AppError, type ErrorCode } from "../../lib/errors.ts";
import type { Authenticated } from "../guards/guard.ts";
import { pathName } from "../guards/target.ts";
import type { ProtectedResource } from "./protected-resource.ts";

const CODES: Readonly<Record<string, ErrorCode>> = {
  [OAuthErrorCode.InvalidRequest]: "bad_http",
  [OAuthErrorCode.InvalidToken]: "unauthenticated",
  [OAuthErrorCode.InsufficientScope]: "forbidden",
};

export class Challenge extends AppError {
  /** The header `WWW-Authenticate`. */
  readonly header: string;
  /** The error code of OAuth; absent without credentials. */
  readonly oauthCode: string | undefined;

  /** `resource` is present with an issuer of tokens, to which the challenge leads clients. */
  constructor(
    c: Context<Authenticated>,
    error: OAuthError | MissingCredentials,
    scopes: readonly string[],
    resource: ProtectedResource | undefined,
  ) {
    const { message } = error;
    const code = error instanceof OAuthError ? error.code : undefined;
    super(CODES[code ?? OAuthErrorCode.InvalidToken] ?? "bad_http", message);
    const parameters = {
      ...(code === undefined ? { realm: "holdfast" } : { error: code, error_description: message }),
      ...(scopes.length > 0 && { scope: scopes.join(" ") }),
      ...(resource && { resource_metadata: resource.metadataUrl(pathName(c.req.url)) }),
    };
    const said = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`);
    this.header = `Bearer ${said.join(", ")}`;
    this.oauthCode = code;
  }
}

/** The challenge for a caller whose scope is too low. */
export const insufficientScope = (
  c: Context<Authenticated>,
  scope: Scope,
  resource?: ProtectedResource,
): Challenge =>
  new Challenge(
    c,
    new OAuthError(OAuthErrorCode.InsufficientScope, `This needs the scope ${scope}.`),
    [scope],
    resource,
  );

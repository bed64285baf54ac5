// Authenticates a request by its API key or access token. The first key, or an issuer of tokens, turns authentication
// on. Before that every caller is `local`, so such a server listens on loopback only.
import { OAuthError, OAuthErrorCode } from "@modelcontextprotocol/server";
import type { ApiKeys } from "./api-keys.ts";
import type { AccessTokens } from "./oauth.ts";
import { type AuthInfo, LOCAL, NO_CREDENTIALS } from "./principal.ts";

export class Authenticator {
  readonly #keys: ApiKeys;
  readonly #tokens: AccessTokens | undefined;
  #always = false;

  /** `tokens`: absent without an issuer. */
  constructor(keys: ApiKeys, tokens?: AccessTokens) {
    this.#keys = keys;
    this.#tokens = tokens;
  }

  /** True if callers need credentials. */
  async required(): Promise<boolean> {
    return this.#always || this.#tokens !== undefined || this.#keys.any();
  }

  /** Keep authentication on without any key (`keys open`), for a server that other machines can reach. */
  askAlways(): void {
    this.#always = true;
  }

  /**
   * Authenticate by the Authorization header.
   * @throws MissingCredentials; OAuthError `invalid_request`, `invalid_token` or `insufficient_scope`; AppError
   * `unavailable` while the issuer is down
   */
  async authenticate(authorization: string | undefined): Promise<AuthInfo> {
    if (!(await this.required())) return this.#nobodyAsked;
    const wanted = this.#tokens ? "an API key or an access token" : "an API key";
    const [scheme] = authorization?.trim().split(/\s/, 1) ?? [];
    if (scheme?.toLowerCase() !== "bearer")
      throw new MissingCredentials(`Credentials are needed: send ${wanted} as a Bearer token.`);
    const token = /^Bearer +(\S+) *$/i.exec(authorization!)?.[1];
    if (token === undefined)
      throw new OAuthError(
        OAuthErrorCode.InvalidRequest,
        `The Authorization header must be the word Bearer, a space, and ${wanted}.`,
      );
    if (this.#tokens && !token.startsWith("hf_")) return this.#tokens.verify(token);
    const admission = await this.#keys.verify(token);
    if (admission === undefined)
      throw refused("This key is not valid, has expired or was revoked.");
    return admission;
  }

  /**
   * True while these credentials (`Credentials.id`) may still be used. Always true for an OAuth client: the server
   * never learns of its end.
   */
  async stillHold(credentials: string): Promise<boolean> {
    if (credentials === NO_CREDENTIALS) return !(await this.required());
    const key = /^key (.*)$/.exec(credentials)?.[1];
    return key === undefined || this.#keys.holds(key);
  }

  readonly #nobodyAsked: AuthInfo = {
    principal: LOCAL,
    credentials: NO_CREDENTIALS,
    holds: async () => !(await this.required()),
  };
}

/** RFC 6750, section 3.1: a request without Bearer credentials gets a challenge without an error code. */
export class MissingCredentials extends Error {}

const refused = (message: string): OAuthError =>
  new OAuthError(OAuthErrorCode.InvalidToken, message);

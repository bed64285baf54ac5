// Whose credentials a request carries. As soon as there is one API key everybody needs one; before that everybody is
// `local`, which is why such a server listens on loopback only.
import { OAuthError, OAuthErrorCode } from "@modelcontextprotocol/server";
import type { ApiKeys } from "./api-keys.ts";
import { LOCAL, type Principal } from "./principal.ts";

export class Authenticator {
  readonly #keys: ApiKeys;

  constructor(keys: ApiKeys) {
    this.#keys = keys;
  }

  /** Whether credentials are asked for. */
  required(): Promise<boolean> {
    return this.#keys.any();
  }

  /**
   * `authorization`: the header of that name.
   * @throws OAuthError `invalid_token`
   */
  async authenticate(authorization: string | undefined): Promise<Principal> {
    if (!(await this.required())) return LOCAL;
    if (authorization === undefined)
      throw refused("Credentials are needed: send an API key as a Bearer token.");
    const token = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
    const principal = token === undefined ? undefined : await this.#keys.verify(token);
    if (principal === undefined)
      throw refused("This key is not valid, has expired or was revoked.");
    return principal;
  }
}

const refused = (message: string): OAuthError =>
  new OAuthError(OAuthErrorCode.InvalidToken, message);

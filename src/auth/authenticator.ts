// Authenticates a request by its API key or access token. The first key, or an issuer of tokens elsewhere, turns
// authentication on. Before that every caller is `local`, so such a server listens on loopback only.
import { OAuthError, OAuthErrorCode } from "@modelcontextprotocol/server";
import type { ApiKeys } from "./api-keys.ts";
import { type AuthInfo, LOCAL, NO_CREDENTIALS } from "./principal.ts";

/** Verifies the access tokens of one issuer. */
export interface TokenVerifier {
  /**
   * Verify a token and give its principal.
   * @throws OAuthError `invalid_token` or `insufficient_scope`; AppError `unavailable` while the issuer is down
   */
  verify(token: string): Promise<AuthInfo>;
  /** True while a grant has not ended; absent where the issuer tells nothing of its grants. */
  stillHolds?(grantId: string): Promise<boolean>;
}

/** Tells of one kind of credentials whether they last. */
interface Lasting {
  holds(id: string): Promise<boolean>;
}

/** Sign-ins of people in browsers. */
export interface SignIns {
  passkeys?: Lasting;
  browserSessions?: Lasting;
}

export class Authenticator {
  readonly #keys: ApiKeys;
  readonly #tokens: TokenVerifier | undefined;
  readonly #signIns: SignIns;
  #always: boolean;

  /** `tokens`: absent without an issuer. `always`: callers need credentials even without any key. */
  constructor(
    keys: ApiKeys,
    tokens?: TokenVerifier,
    { always = tokens !== undefined, ...signIns }: { always?: boolean } & SignIns = {},
  ) {
    this.#keys = keys;
    this.#tokens = tokens;
    this.#signIns = signIns;
    this.#always = always;
  }

  /** True if callers need credentials. */
  async required(): Promise<boolean> {
    return this.#always || this.#keys.any();
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
   * True while these credentials (`Credentials.id`) may still be used. Always true for a client of another issuer: the
   * server never learns of its end.
   */
  async stillHold(credentials: string): Promise<boolean> {
    if (credentials === NO_CREDENTIALS) return !(await this.required());
    const [, kind, id] = /^(key|passkey|browser|grant) (.*)$/.exec(credentials) ?? [];
    if (id === undefined) return true;
    if (kind === "key") return this.#keys.holds(id);
    if (kind === "passkey") return this.#signIns.passkeys?.holds(id) ?? false;
    if (kind === "browser") return this.#signIns.browserSessions?.holds(id) ?? false;
    return this.#tokens?.stillHolds?.(id) ?? false;
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

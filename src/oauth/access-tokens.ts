// Verifies access tokens of our own authorization server: opaque texts, looked up by their hash at every request, so that
// what is revoked ends at once.
import { OAuthError, OAuthErrorCode } from "@modelcontextprotocol/server";
import { hashOf } from "../auth/api-keys.ts";
import type { TokenVerifier } from "../auth/authenticator.ts";
import { type AuthInfo, highestScope } from "../auth/principal.ts";
import type { Grants } from "./grants.ts";
import type { OAuthRecordStore } from "./store.ts";

export class OwnAccessTokens implements TokenVerifier {
  readonly #store: OAuthRecordStore;
  readonly #grants: Grants;
  readonly #resource: () => string;

  /** `resource`: the audience of tokens, the address of /mcp. */
  constructor(store: OAuthRecordStore, grants: Grants, resource: () => string) {
    this.#store = store;
    this.#grants = grants;
    this.#resource = resource;
  }

  /** @throws OAuthError `invalid_token` */
  async verify(text: string): Promise<AuthInfo> {
    const hash = hashOf(text);
    const { grant, scope, until, isUsed } = (await this.#find(hash)) ?? {};
    if (grant === undefined || scope === undefined || until === undefined)
      throw new OAuthError(
        OAuthErrorCode.InvalidToken,
        "This access token is not valid, has expired or was revoked.",
      );
    // The refresh token that it came of works no more. A full disk keeps nobody from reading.
    if (!isUsed) await this.#store.consume("AccessToken", hash).catch(() => undefined);
    return {
      principal: {
        ...{ id: grant.principal, scope },
        credentials: {
          ...{ id: `grant ${grant.id}`, grant: grant.id, until },
          ...(grant.keyId !== null && { key: grant.keyId }),
        },
      },
      credentials: `token of grant ${grant.id} until ${until}`,
      holds: async () => (await this.#find(hash)) !== undefined,
    };
  }

  async #find(hash: Uint8Array) {
    const { token, grant } = (await this.#store.access(hash)) ?? {};
    if (token === undefined || grant === undefined) return undefined;
    if (token.payload["aud"] !== this.#resource()) return undefined;
    if (!(await this.#grants.isValid(grant))) return undefined;
    const { scope: names } = token.payload as { scope?: string };
    const scope = highestScope(names?.split(" ") ?? []);
    if (scope === undefined) return undefined;
    return { grant, scope, until: token.expiresAt, isUsed: token.consumedAt !== null };
  }

  stillHolds(grantId: string): Promise<boolean> {
    return this.#grants.holds(grantId);
  }
}

// What OAuth clients learn about this server (RFC 9728): where its tokens come from and what they are called.
import {
  buildOAuthProtectedResourceMetadata,
  getOAuthProtectedResourceMetadataUrl,
  type OAuthMetadata,
  type OAuthProtectedResourceMetadata,
} from "@modelcontextprotocol/server";

/** What a client should ask for; `admin` is the operator's, who knows of it. */
export const USUAL_SCOPES = ["read", "write"];

export class ProtectedResource {
  readonly issuer: string;
  readonly #url: () => URL;

  /** `url`: how clients reach `/mcp`; known as soon as the server listens. */
  constructor(issuer: string, url: () => URL) {
    this.issuer = issuer;
    this.#url = url;
  }

  /** `name`: of an address below /mcp, still encoded. */
  metadataUrl(name: string): string {
    return getOAuthProtectedResourceMetadataUrl(this.#address(name));
  }

  metadata(name: string): OAuthProtectedResourceMetadata {
    return this.#metadata(this.#address(name));
  }

  /** For clients that look at the root only: the whole host, which is an audience of tokens too. */
  rootMetadata(): OAuthProtectedResourceMetadata {
    return this.#metadata(new URL("../../../../../../", this.#url()));
  }

  #metadata(resourceServerUrl: URL): OAuthProtectedResourceMetadata {
    return buildOAuthProtectedResourceMetadata({
      // Nothing else of it is read, and so the document is there also while the issuer is down.
      oauthMetadata: { issuer: this.issuer } as OAuthMetadata,
      resourceServerUrl,
      scopesSupported: USUAL_SCOPES,
      resourceName: "Holdfast",
      dangerouslyAllowInsecureIssuerUrl: true, // http on loopback is checked with the settings
    });
  }

  /** RFC 9728: a client takes only what names the address that it has asked for. */
  #address(name: string): URL {
    const url = this.#url();
    return name === "" ? url : new URL(`${url.href}/${name}`);
  }
}

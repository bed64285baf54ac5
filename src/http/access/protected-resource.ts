// The metadata of this server as an OAuth resource (RFC 9728): the issuer of its tokens, and their scopes.
import {
  buildOAuthProtectedResourceMetadata,
  getOAuthProtectedResourceMetadataUrl,
  type OAuthMetadata,
  type OAuthProtectedResourceMetadata,
} from "@modelcontextprotocol/server";
import type { Hono } from "hono";
import type { Authenticated } from "../guards/guard.ts";
import { pathName } from "../guards/target.ts";

/** Scopes that a client should ask for; `admin` is left to the operator. */
export const USUAL_SCOPES = ["read", "write"];

export class ProtectedResource {
  readonly #issuer: () => string;
  readonly #url: () => URL;

  /** `url`: address of `/mcp` for clients, known once the server listens, as its own `issuer` is. */
  constructor(issuer: () => string, url: () => URL) {
    this.#issuer = issuer;
    this.#url = url;
  }

  get issuer(): string {
    return this.#issuer();
  }

  /** `name`: the part of the address below /mcp, still encoded. */
  metadataUrl(name: string): string {
    return getOAuthProtectedResourceMetadataUrl(this.#address(name));
  }

  metadata(name: string): OAuthProtectedResourceMetadata {
    return this.#metadata(this.#address(name));
  }

  /** Metadata of the whole host, which is an audience of tokens too: for clients that look only at the root. */
  rootMetadata(): OAuthProtectedResourceMetadata {
    return this.#metadata(new URL("../../../../../../", this.#url()));
  }

  #metadata(resourceServerUrl: URL): OAuthProtectedResourceMetadata {
    return buildOAuthProtectedResourceMetadata({
      // Give the SDK the issuer's name alone, the only member it reads: the document exists while the issuer is down.
      oauthMetadata: { issuer: this.issuer } as OAuthMetadata,
      resourceServerUrl,
      scopesSupported: USUAL_SCOPES,
      resourceName: "Holdfast",
      dangerouslyAllowInsecureIssuerUrl: true, // settings allow http on loopback only
    });
  }

  /** RFC 9728: a client accepts only metadata that names the address it asked for. */
  #address(name: string): URL {
    const url = this.#url();
    return name === "" ? url : new URL(`${url.href}/${name}`);
  }
}

export function resourceRoutes(app: Hono<Authenticated>, resource: ProtectedResource): void {
  app.get("/.well-known/oauth-protected-resource", (c) => c.json(resource.rootMetadata()));
  for (const path of ["/mcp", "/mcp/:name"])
    app.get(`/.well-known/oauth-protected-resource${path}`, (c) =>
      c.json(resource.metadata(pathName(c.req.url))),
    );
}

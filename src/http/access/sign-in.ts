// Answers programs that look for a sign-in, as if this server issued tokens. With an issuer they are redirected to it.
// Otherwise they get a sentence that says what to do; many show it to their user word for word.
import type { Context, Hono } from "hono";
import type { Authenticator } from "../../auth/authenticator.ts";
import { metadataUrls } from "../../auth/issuer-keys.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import type { Authenticated } from "../guards/guard.ts";

/** Documents that clients look for if they know no issuer, or are older than issuers' metadata (2025-03-26). */
const METADATA = ["oauth-authorization-server", "openid-configuration"] as const;
const ENDPOINTS = ["/register", "/authorize", "/token"] as const;

const askForKey = (): string =>
  `This server has no sign-in; it takes API keys. Ask its operator for one (${commandLine("keys create --principal NAME")}), ` +
  'and let this program send it as the header "Authorization: Bearer hf_…".';
const OPEN = "This server needs no credentials: connect without any.";

export function signInRoutes(
  app: Hono<Authenticated>,
  { issuer, authenticator }: { issuer: string | undefined; authenticator: Authenticator },
): void {
  /** Refuse with an error of RFC 6749. */
  const refuse = async (c: Context<Authenticated>, status: 400 | 404): Promise<Response> => {
    const description =
      issuer !== undefined
        ? `This server gives out no tokens: ${issuer} does.`
        : (await authenticator.required())
          ? askForKey()
          : OPEN;
    return c.json({ error: "access_denied", error_description: description }, status);
  };
  for (const name of METADATA) {
    for (const below of ["", "/mcp", "/mcp/:name"])
      app.get(`/.well-known/${name}${below}`, async (c) =>
        issuer === undefined ? refuse(c, 404) : c.redirect(metadataUrl(issuer, name), 307),
      );
  }
  for (const path of ENDPOINTS) app.all(path, (c) => refuse(c, 400));
}

/** Address of the issuer's document. OpenID Connect's standard puts it after the issuer's path. */
function metadataUrl(issuer: string, name: (typeof METADATA)[number]): string {
  const urls = metadataUrls(issuer);
  return name === "openid-configuration" ? urls.at(-1)! : urls[0]!;
}

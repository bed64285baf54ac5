// Discovery for clients that know only the host: the address of the MCP server and its revisions. Serves a Server Card
// (SEP-2127) and the catalog that leads to it; drafts of both name several addresses.
import { SUPPORTED_PROTOCOL_VERSIONS, validateHostHeader } from "@modelcontextprotocol/server";
import type { Context, Hono } from "hono";
import type { Authenticator } from "../../auth/authenticator.ts";
import { MODERN_VERSION } from "../../mcp/initialize.ts";
import { VERSION } from "../../version.ts";
import type { Authenticated } from "../guards/guard.ts";
import { namedHost } from "../guards/guards.ts";

const CARD_TYPE = "application/mcp-server-card+json";
const CATALOG_TYPE = "application/ai-catalog+json";
const SCHEMA = "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json";

/** The card's name below /mcp/. */
const CARD = "server-card";

const NAME = "holdfast";
const TITLE = "Holdfast";
/** At most 100 characters. */
const DESCRIPTION =
  "A memory for AI assistants: conversations and facts that outlive every restart.";

/** Allow pages of any origin: the document is public and always the same. */
const HEADERS = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET",
  "access-control-allow-headers": "Content-Type",
  "cache-control": "public, max-age=3600",
};

export interface DiscoveryOptions {
  /** Address of `/mcp` for clients. */
  address(c: Context<Authenticated>): string;
  authenticator: Authenticator;
  /** True with an issuer: programs find the way to its tokens by themselves. */
  hasIssuer: boolean;
  /** Accepted host names. The answer contains the host name and may be cached, so a foreign name must not get in. */
  hosts: readonly string[];
}

export function discoveryRoutes(
  app: Hono<Authenticated>,
  { address, authenticator, hasIssuer, hosts }: DiscoveryOptions,
): void {
  const answer = (type: string, body: object): Response =>
    new Response(JSON.stringify(body), { headers: { ...HEADERS, "content-type": type } });

  const catalog = (url: URL): Response => {
    const entry = {
      identifier: `urn:air:${url.hostname}:${NAME}`,
      ...{ displayName: TITLE, type: CARD_TYPE, url: `${url.href}/${CARD}` },
    };
    return answer(CATALOG_TYPE, { specVersion: "1.0", entries: [entry] });
  };

  const card = async (url: URL): Promise<Response> => {
    const asksForKey = !hasIssuer && (await authenticator.required());
    const remote = {
      ...{ type: "streamable-http", url: url.href },
      supportedProtocolVersions: [MODERN_VERSION, ...SUPPORTED_PROTOCOL_VERSIONS],
      ...(asksForKey && { headers: [KEY_HEADER] }),
    };
    return answer(CARD_TYPE, {
      ...{ $schema: SCHEMA, name: cardName(url), title: TITLE, version: VERSION },
      ...{ description: DESCRIPTION, remotes: [remote] },
    });
  };

  const routes = [
    ["/mcp/:name", card],
    ["/.well-known/mcp/server-card.json", card],
    ["/.well-known/mcp/catalog.json", catalog],
    ["/.well-known/ai-catalog.json", catalog],
  ] as const;
  for (const [path, show] of routes) {
    app.get(path, async (c, next) => {
      // Leave this request to the stream's route: a client whose session has such a name opens its stream here.
      const isForUs =
        c.req.header("mcp-session-id") === undefined && (c.req.param("name") ?? CARD) === CARD;
      const host = validateHostHeader(namedHost(c), [...hosts]);
      return isForUs && host.ok ? show(new URL(address(c))) : next();
    });
  }
}

const KEY_HEADER = {
  name: "Authorization",
  value: "Bearer {key}",
  variables: {
    key: {
      description: "An API key. The operator of the server makes it.",
      ...{ isRequired: true, isSecret: true, placeholder: "hf_…" },
    },
  },
};

/** `org.example.mcp/holdfast`; a server reached by a number is `localhost`, because it has no domain. */
function cardName({ hostname }: URL): string {
  const isName = /^[a-z0-9.-]*[a-z][a-z0-9.-]*$/.test(hostname);
  return `${isName ? hostname.split(".").toReversed().join(".") : "localhost"}/${NAME}`;
}

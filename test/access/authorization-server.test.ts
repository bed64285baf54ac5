// The authorization server of our own: the whole way of a program, from a refusal to a call of a tool.
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { describe, expect, it } from "vitest";
import { conformanceOfIssuer } from "../support/conformance.ts";
import { serveHere } from "../support/here.ts";
import { errorOf, Program, tokensOf } from "../support/oauth-program.ts";
import { fetchHere, Person, program } from "../support/oauth.ts";
import { serveWithKeys } from "../support/people.ts";
import { freePort } from "../support/ports.ts";

const OWN = { "auth-server": "true" };

describe.each([
  ["v1", ClientV1, TransportV1],
  ["v2", ClientV2, TransportV2],
])("the SDK's client %s", (_, Client, Transport) => {
  it("registers, sends its person here, and calls a tool as this person", async () => {
    const server = await serveWithKeys(OWN);
    const ana = new Person(server.url, await server.key("ana"));
    const mine = program();
    const connect = async () => {
      const transport = new Transport(new URL(server.url), {
        authProvider: mine as never,
        fetch: fetchHere,
      });
      const client = new Client({ name: "test", version: "1" });
      return { transport, client, connected: client.connect(transport) };
    };
    const first = await connect();
    await expect(first.connected).rejects.toThrow(/nauthorized/);
    const back = await ana.allow(mine.authorization);
    expect(back.href.startsWith("http://127.0.0.1:9/callback?code=")).toBe(true);
    expect(back.searchParams.get("iss")).toBe(new URL(server.url).origin);
    await first.transport.finishAuth(back.searchParams.get("code")!, back.searchParams.get("iss")!);
    const { client, connected } = await connect();
    await connected;
    const answer = await client.callTool({ name: "state_set", arguments: { key: "k", value: 1 } });
    expect(answer.isError).toBeFalsy();
    await client.close();
    expect((await server.app.grants.list("ana")).map(({ scope }) => scope)).toEqual(["read write"]);
  });
});

describe("a host of the field", () => {
  it("finds the way from a refusal by what each document names", async () => {
    const { url } = await serveWithKeys(OWN);
    const refused = await fetch(url, { method: "POST" });
    expect(refused.status).toBe(401);
    const challenge = refused.headers.get("www-authenticate")!;
    const [, at] = /resource_metadata="([^"]+)"/.exec(challenge)!;
    const resource = (await (await fetch(at!)).json()) as Record<string, unknown>;
    const { origin } = new URL(url);
    expect(resource).toMatchObject({ resource: url, authorization_servers: [origin] });
    for (const path of [
      "/.well-known/oauth-authorization-server",
      "/.well-known/oauth-authorization-server/mcp",
      "/.well-known/openid-configuration",
    ]) {
      const metadata = await (await fetch(new URL(path, url))).json();
      expect(metadata).toMatchObject({
        issuer: origin,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: `${origin}/token`,
        registration_endpoint: `${origin}/register`,
        revocation_endpoint: `${origin}/revoke`,
        jwks_uri: `${origin}/oauth/keys`,
        response_types_supported: ["code"],
        grant_types_supported: ["authorization_code", "refresh_token"],
        scopes_supported: ["openid", "offline_access", "read", "write"],
      });
    }
  });

  it.each([
    ["claude.ai", "https://claude.ai/api/mcp/auth_callback", "read write offline_access"],
    [
      "ChatGPT",
      "https://chatgpt.com/connector_platform_oauth_redirect",
      "openid email profile offline_access",
    ],
    ["one that asks for no scope", "https://host.example/cb", undefined],
  ])("%s gets a token for this server, with or without naming it", async (_, redirect, scope) => {
    const server = await serveWithKeys(OWN);
    const ana = new Person(server.url, await server.key("ana"));
    const host = await Program.registered(server.url, redirect);
    const { origin } = new URL(server.url);
    for (const resource of [undefined, server.url, origin, `${origin}/`, `${server.url}/work`]) {
      const code = await host.code(ana, { scope, resource, nonce: "n", prompt: "consent" });
      const tokens = await tokensOf(await host.exchange(code, { resource }));
      expect(tokens.scope).toBe("read write");
      expect(tokens.refresh_token).toBeTypeOf("string");
      expect(await host.knock(tokens.access_token)).toBe(200);
    }
  });

  it("signs in from a page whose origin is allowed, and from no other", async () => {
    const origin = "https://app.example.org";
    const server = await serveWithKeys({ ...OWN, "cors-origins": origin });
    const { origin: at } = new URL(server.url);
    for (const path of ["/token", "/register", "/revoke"]) {
      const send = (from: string) =>
        fetch(at + path, { method: "POST", headers: { origin: from }, body: "{}" });
      const answer = await send(origin);
      expect(answer.status).toBe(400);
      expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
      expect((await send("https://evil.example")).status).toBe(403);
      const headers = { origin, "access-control-request-method": "POST" };
      const preflight = await fetch(at + path, { method: "OPTIONS", headers });
      expect(preflight.status).toBe(204);
    }
  });

  it("gets errors of OAuth as JSON for what it sends wrongly", async () => {
    const { url } = await serveWithKeys(OWN);
    const host = await Program.registered(url);
    expect(await errorOf(await host.exchange("no such code"))).toBe("invalid_grant");
    host.clientId = "unknown";
    expect(await errorOf(await host.exchange("no such code"))).toBe("invalid_client");
    const { origin } = new URL(url);
    const json = await fetch(`${origin}/token`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(await errorOf(json)).toBe("invalid_request");
    expect((await fetch(`${origin}/register`, { method: "POST", body: "x" })).status).toBe(400);
  });
});

it("passes the authorization scenarios of the conformance suite that apply to servers", async () => {
  const { url, app, key } = await serveWithKeys(OWN);
  const ana = new Person(url, await key("ana"));
  const port = await freePort();
  const redirect = `http://127.0.0.1:${port}/callback`;
  const { id } = await app.oauthClients.create({ name: "Suite", redirects: [redirect] });
  const { result, address } = conformanceOfIssuer(new URL(url).origin, [
    ...["--client-id", id, "--resource", url, "--port", String(port)],
  ]);
  const back = await ana.allow(await address);
  expect((await fetch(back)).status).toBe(200);
  expect((await result).toSorted()).toEqual([
    ["AuthorizationCodeGrant", "SUCCESS"],
    ["AuthorizationServerMetadata", "SUCCESS"],
    ["AuthorizationServerMetadataCIMD", "SUCCESS"],
  ]);
});

it("is on at a public https address, where nothing else asks for credentials", async () => {
  const publicUrl = "https://memory.example.org";
  const { app, folder, stop } = await serveHere();
  await app.keys.create({ principal: "ana", scope: "write", lifetimeMs: Infinity });
  await stop();
  const on = async (config: Record<string, string>): Promise<boolean> => {
    const { url } = await serveHere({ folder, config });
    const metadata = await fetch(new URL("/.well-known/oauth-authorization-server", url));
    return metadata.ok && ((await metadata.json()) as { issuer: string }).issuer === publicUrl;
  };
  expect(await on({ "public-url": publicUrl })).toBe(true);
  expect(await on({})).toBe(false);
  expect(await on({ "public-url": publicUrl, "auth-server": "false" })).toBe(false);
  expect(await on({ "public-url": publicUrl, "insecure-no-auth": "true" })).toBe(false);
  expect(await on({ "public-url": publicUrl, console: "false" })).toBe(false);
  expect(await on({ "public-url": "http://memory.example.org" })).toBe(false);
});

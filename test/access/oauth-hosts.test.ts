// What the well-known hosts send when a person connects this server, step by step, as their documentation and their users' logs
// have it.
import { beforeEach, describe, expect, it } from "vitest";
import { Program, tokensOf } from "../support/oauth-program.ts";
import { Person } from "../support/oauth.ts";
import { type KeyedServer, serveWithKeys } from "../support/people.ts";

let server: KeyedServer;
let ana: Person;

beforeEach(async () => {
  server = await serveWithKeys({ "auth-server": "true" });
  ana = new Person(server.url, await server.key("ana"));
});

interface Host {
  redirects: string[];
  /** What its registration says besides. */
  metadata: object;
  /** The scopes that it asks for. */
  scope: string | undefined;
  /** True if it names the resource. */
  names: boolean;
}

const hosts: Record<string, Host> = {
  "claude.ai": {
    redirects: [
      "https://claude.ai/api/mcp/auth_callback",
      "https://claude.com/api/mcp/auth_callback",
    ],
    metadata: {
      ...{ client_name: "Claude", grant_types: ["authorization_code", "refresh_token"] },
      ...{ response_types: ["code"], token_endpoint_auth_method: "none" },
      ...{ scope: "read write", client_uri: "https://claude.ai" },
    },
    scope: "read write",
    names: true,
  },
  "claude.ai, which asks to stay signed in": {
    redirects: ["https://claude.ai/api/mcp/auth_callback"],
    metadata: { client_name: "Claude", token_endpoint_auth_method: "client_secret_post" },
    scope: "openid offline_access read write",
    names: true,
  },
  ChatGPT: {
    redirects: ["https://chatgpt.com/connector_platform_oauth_redirect"],
    metadata: {
      ...{ client_name: "ChatGPT", grant_types: ["authorization_code", "refresh_token"] },
      ...{ response_types: ["code"], token_endpoint_auth_method: "client_secret_basic" },
    },
    scope: "openid email profile offline_access",
    names: false,
  },
  "ChatGPT, with an address for each connector": {
    redirects: ["https://chatgpt.com/connector/oauth/aB3_x-9"],
    metadata: { client_name: "ChatGPT", token_endpoint_auth_method: "none", scope: "read" },
    scope: undefined,
    names: true,
  },
};

describe.each(Object.entries(hosts))("%s", (_, { redirects, metadata, scope, names }) => {
  it.each(redirects)(
    "signs in with %s, and renews its tokens from several places",
    async (redirect) => {
      const host = new Program(server.url, redirect);
      const registered = await host.register({ ...metadata, redirect_uris: redirects });
      expect(registered.status).toBe(201);
      const client = (await registered.json()) as Record<string, unknown>;
      expect(client).toMatchObject({
        redirect_uris: redirects,
        token_endpoint_auth_method: "none",
      });
      expect(client).not.toHaveProperty("client_secret");
      host.clientId = client["client_id"] as string;

      const resource = names ? server.url : undefined;
      const code = await host.code(ana, { scope, resource });
      let tokens = await tokensOf(await host.exchange(code, { resource }));
      for (let hour = 0; hour < 2; hour += 1) {
        expect(await host.knock(tokens.access_token)).toBe(200);
        const renew = (more: Record<string, string>) => host.refresh(tokens.refresh_token, more);
        const named: Record<string, string> = names ? { resource: server.url } : {};
        const several = [renew(named), renew({}), renew({ ...named, ...(scope && { scope }) })];
        const renewed = await Promise.all((await Promise.all(several)).map(tokensOf));
        for (const { access_token, scope: has } of renewed) {
          expect(await host.knock(access_token)).toBe(200);
          expect(has.split(" ")).toEqual(expect.arrayContaining(["read", "write"]));
        }
        tokens = renewed[hour]!;
      }
      // Added again after it was removed in the host: it registers anew, and nobody has to sign in again.
      const again = await Program.registered(server.url, redirect);
      expect(await again.code(ana, { scope, resource })).toBeTruthy();
      expect(await server.app.grants.list("ana")).toHaveLength(2);
    },
  );
});

it("a program that repeats its scope has what its person left it, and less if it asks for less", async () => {
  const host = await Program.registered(server.url);
  const scope = "openid email offline_access read write";
  const ofCode = async (scopes: string[]) =>
    tokensOf(await host.exchange(await host.code(ana, { scope, prompt: "consent" }, scopes)));
  const reading = await ofCode(["read"]);
  const renewed = await tokensOf(await host.refresh(reading.refresh_token, { scope }));
  expect(renewed.scope).not.toContain("write");
  const writing = await ofCode(["read", "write"]);
  const less = await tokensOf(await host.refresh(writing.refresh_token, { scope: "openid read" }));
  expect(less.scope).toBe("read");
  const none = await tokensOf(await host.refresh(writing.refresh_token, { scope: "email" }));
  expect(none.scope).toContain("write");
});

it("a program that sends a secret or an empty one, though it has none, gets its tokens", async () => {
  const host = await Program.registered(server.url);
  for (const secret of ["", "made up"]) {
    const code = await host.code(ana);
    const { access_token: token } = await tokensOf(
      await host.exchange(code, { client_secret: secret }),
    );
    expect(await host.knock(token)).toBe(200);
  }
});

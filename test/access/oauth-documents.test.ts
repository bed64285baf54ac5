// Client ID Metadata Documents: clients that are known by an address, and the guards of fetching what a stranger names.
import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import { auth as authV2 } from "@modelcontextprotocol/client";
import { auth as authV1 } from "@modelcontextprotocol/sdk/client/auth.js";
import { generate } from "selfsigned";
import { describe, expect, it, onTestFinished } from "vitest";
import { buildApp } from "../../src/app/app.ts";
import { loadConfig } from "../../src/config/config.ts";
import { AppError } from "../../src/lib/errors.ts";
import { documentFetcher, type FetchDocument } from "../../src/oauth/metadata-documents.ts";
import { isPublicAddress } from "../../src/oauth/public-address.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gate } from "../support/here.ts";
import { errorOf, Program, tokensOf } from "../support/oauth-program.ts";
import { fetchHere, Person, program } from "../support/oauth.ts";
import { listenLocally } from "../support/ports.ts";

describe("the fetch of a metadata document", () => {
  it("takes an address for public only if it is one", () => {
    const inside = [
      ...["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"],
      ...["100.64.0.1", "198.18.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255"],
      ...["::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8"],
      ...["64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "2001::1", "fec0::1", "localhost", ""],
    ];
    expect(inside.filter(isPublicAddress)).toEqual([]);
    const outside = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"];
    expect(outside.filter((address) => !isPublicAddress(address))).toEqual([]);
  });

  it("refuses every address that leads inside, before a connection is made", async () => {
    const asked: string[] = [];
    const names: Record<string, string[]> = {
      "inside.example": ["10.0.0.1"],
      "both.example": ["93.184.215.14", "127.0.0.1"],
      "none.example": [],
    };
    const fetchDocument = documentFetcher({
      resolve: (host) => {
        asked.push(host);
        return Promise.resolve(names[host]!.map((address) => ({ address, family: 4 })));
      },
    });
    for (const url of [
      ...["http://app.example/c.json", "https://u:p@app.example/c.json", "file:///etc/passwd"],
      ...["https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest/meta-data"],
      ...["https://2130706433/", "https://0x7f.1/", "https://[::ffff:127.0.0.1]/"],
      ...["https://inside.example/", "https://both.example/", "https://none.example/"],
    ])
      await expect(fetchDocument(url), url).rejects.toMatchObject({ code: "unavailable" });
    expect(asked).toEqual(["inside.example", "both.example", "none.example"]);
  });

  it("connects to the address that was checked, whatever the name says a moment later", async () => {
    const site = await startSite((_, answer) =>
      answer.setHeader("content-type", "application/json").end("{}"),
    );
    let times = 0;
    const fetchDocument = documentFetcher({
      ...site,
      resolve: () => {
        times += 1;
        return Promise.resolve([{ address: "127.0.0.1", family: 4 }]);
      },
      isAllowed: (address) => address === "127.0.0.1",
    });
    expect(await fetchDocument(site.url)).toBe("{}");
    expect(times).toBe(1);
  });

  it("follows no redirect, reads no more than a document, and waits no longer than told", async () => {
    const site = await startSite((request, answer) => {
      if (request.url === "/redirect") answer.writeHead(302, { location: site.url }).end();
      else if (request.url === "/html") answer.setHeader("content-type", "text/html").end("{}");
      else if (request.url === "/large")
        answer.setHeader("content-type", "application/json").end(`"${"x".repeat(20_000)}"`);
      else if (request.url === "/never") answer.writeHead(200).flushHeaders();
    });
    const fetchDocument = documentFetcher({ ...site, ...LOCAL });
    for (const [path, reason] of [
      ["/redirect", /answers 302/],
      ["/html", /not JSON/],
      ["/large", /larger than/],
    ] as const)
      await expect(fetchDocument(new URL(path, site.url).href)).rejects.toThrow(reason);
    const impatient = documentFetcher({ ...site, ...LOCAL, timeoutMs: 50 });
    await expect(impatient(new URL("/silent", site.url).href)).rejects.toThrow(/does not answer/);
  });
});

describe("a client with a document", () => {
  it("signs in by its address alone, on the host that the page shows", async () => {
    const id = "https://claude.ai/oauth/client.json";
    const documents = new Map([[id, { client_id: id, client_name: "Claude", ...REDIRECT }]]);
    const { claude, ana } = await serveWith(documents, id);
    const metadata = await fetch(`${claude.origin}/.well-known/oauth-authorization-server`);
    expect(await metadata.json()).toMatchObject({
      client_id_metadata_document_supported: true,
      token_endpoint_auth_methods_supported: ["none"],
      revocation_endpoint_auth_methods_supported: ["none"],
      code_challenge_methods_supported: ["S256"],
      authorization_response_iss_parameter_supported: true,
    });
    const { page } = await ana.consent(claude.authorization());
    expect(page).toContain("<b>Claude</b> of <b>claude.ai</b>");
    const tokens = await claude.tokens(ana);
    await tokensOf(await claude.refresh(tokens.refresh_token));
  });

  it.each([
    ["v1", authV1],
    ["v2", authV2],
  ])("signs in with the SDK's own code, %s", async (_, signIn) => {
    const id = "https://claude.ai/oauth/client.json";
    const documents = new Map([[id, { client_id: id, client_name: "Claude", ...REDIRECT }]]);
    const { claude, ana } = await serveWith(documents, id);
    const mine = program({ redirectUrl: claude.redirect, clientMetadataUrl: id });
    const way = { serverUrl: claude.url, fetchFn: fetchHere };
    expect(await signIn(mine as never, way)).toBe("REDIRECT");
    const back = await ana.allow(mine.authorization);
    const [authorizationCode, iss] = [back.searchParams.get("code")!, back.searchParams.get("iss")];
    const last = { ...way, authorizationCode, iss: iss! };
    expect(await signIn(mine as never, last)).toBe("AUTHORIZED");
    expect(mine.clientInformation()).toMatchObject({ client_id: id });
    expect(await claude.knock(mine.token)).toBe(200);
  });

  it("is refused if the document is another's, or wants what is not offered", async () => {
    const of = (name: string) => `https://app.example/${name}`;
    const documents = new Map<string, object>([
      [of("other"), { client_id: of("else"), ...REDIRECT }],
      [of("secret"), { client_id: of("secret"), client_secret: "s", ...REDIRECT }],
      [
        of("method"),
        { client_id: of("method"), token_endpoint_auth_method: "client_secret_basic", ...REDIRECT },
      ],
      [of("redirect"), { client_id: of("redirect"), redirect_uris: ["https://elsewhere.example"] }],
      [of("list"), []],
    ]);
    const { claude, ana } = await serveWith(documents, "");
    for (const name of ["other", "secret", "method", "redirect", "list"]) {
      claude.clientId = of(name);
      const { at, page } = await ana.open(claude.authorization());
      expect(at.origin, name).toBe(claude.origin);
      expect(page).toContain("This sign-in does not work");
    }
    claude.clientId = "https://127.0.0.1/client.json";
    expect((await ana.open(claude.authorization())).page).toContain("This sign-in does not work");
  });
});

describe("the document of a client", () => {
  const id = "https://claude.ai/oauth/client.json";
  const document = () => Promise.resolve(JSON.stringify({ client_id: id, ...REDIRECT }));
  const down = () => Promise.reject(new AppError("unavailable", "It does not answer."));

  it("is not needed by what it was granted, not even after a restart", async () => {
    const first = await serveWithFetch(document, id);
    const tokens = await first.claude.tokens(first.ana);
    const { port } = new URL(first.claude.url);
    await first.app.stop();
    const fetched: string[] = [];
    const { claude, ana } = await serveWithFetch(
      (url) => {
        fetched.push(url);
        return down();
      },
      id,
      { port, "data-dir": first.folder },
    );
    const renewed = await tokensOf(await claude.refresh(tokens.refresh_token));
    expect((await claude.revoke(renewed.refresh_token)).status).toBe(200);
    expect(await claude.knock(renewed.access_token)).toBe(401);
    expect(fetched).toEqual([]);
    // A new sign-in reads it, and does with what was read last.
    await claude.tokens(ana);
    expect(fetched).toEqual([id]);
  });

  it("that cannot be had is a trouble of the moment, and no client's end", async () => {
    const { claude, ana } = await serveWithFetch(down, id);
    const answer = await ana.ask(claude.authorization());
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain("It does not answer");
  });

  it("is fetched for nobody's token, and for a few sign-ins at the same time", async () => {
    const [full, end] = [gate(), gate()];
    let fetches = 0;
    const { claude, ana } = await serveWithFetch(async (url) => {
      fetches += 1;
      if (fetches === 8) full.open();
      await end.wait;
      return JSON.stringify({ client_id: url, ...REDIRECT });
    }, id);
    const stranger = (n: number) => claude.authorization({ client_id: `https://a.example/${n}` });
    for (const answer of [await claude.refresh("x"), await claude.revoke("x")])
      expect(await errorOf(answer)).toBe("invalid_client");
    expect(fetches).toBe(0);
    const waiting = Array.from({ length: 8 }, (_, n) => ana.ask(stranger(n)));
    await full.wait;
    expect((await ana.ask(stranger(9))).status).toBe(503);
    end.open();
    const answers = await Promise.all(waiting);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 303));
    expect(fetches).toBe(8);
  });
});

const REDIRECT = { redirect_uris: ["https://claude.ai/api/mcp/auth_callback"] };

const LOCAL = {
  resolve: () => Promise.resolve([{ address: "127.0.0.1", family: 4 }]),
  isAllowed: () => true,
};

/** A server at whose side the internet has just these documents. */
function serveWith(documents: ReadonlyMap<string, object>, clientId: string) {
  const inside = documentFetcher();
  return serveWithFetch((url) => {
    const found = documents.get(url);
    return found === undefined ? inside(url) : Promise.resolve(JSON.stringify(found));
  }, clientId);
}

async function serveWithFetch(
  fetchDocument: FetchDocument,
  clientId: string,
  more: Record<string, string> = {},
) {
  const folder = more["data-dir"] ?? temporaryFolder();
  const flags = { port: "0", "data-dir": folder, "auth-server": "true", ...more };
  const app = await buildApp({ config: loadConfig({ flags }), fetchDocument });
  onTestFinished(() => app.stop());
  await app.start();
  const { origin } = await app.listen();
  const { key } = await app.keys.create({
    ...{ principal: "ana", scope: "write", lifetimeMs: Infinity },
  });
  const claude = new Program(`${origin}/mcp`);
  claude.clientId = clientId;
  return { app, folder, claude, ana: new Person(origin, key) };
}

/** An https server on this machine under a name of the internet. */
async function startSite(answer: RequestListener): Promise<{ url: string; ca: string }> {
  const { private: key, cert: ca } = await generate(
    [{ name: "commonName", value: "app.example" }],
    {
      keyType: "ec",
      extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: "app.example" }] }],
    },
  );
  const server = createServer({ key, cert: ca }, answer);
  const port = await listenLocally(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `https://app.example:${port}/`, ca };
}

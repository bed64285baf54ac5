// An OAuth issuer on this machine: metadata, keys, and tokens of whatever content a test asks for.
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { onTestFinished } from "vitest";
import { listenLocally } from "./ports.ts";

export interface IssuerOptions {
  /** Default 0: the system chooses. */
  port?: number;
  /** The issuer's path, such as `/tenant`. */
  path?: string;
  /** Path of the metadata; default: that of RFC 8414. */
  metadataPath?: string;
  /** Over what the metadata says. */
  metadata?: object;
}

export interface TokenOptions {
  kid?: string | undefined;
  alg?: string;
  /** Undefined for a header without one. */
  typ?: string | undefined;
  key?: CryptoKey | Uint8Array;
}

export interface Issuer {
  readonly url: string;
  readonly port: number;
  /** The paths that were asked for. */
  readonly asked: string[];
  /** Instead of every answer: a status and a body. */
  failing: { status: number; body: string; headers?: Record<string, string> } | undefined;
  /** The public key, as everybody can fetch it. */
  readonly publicKey: JWK;
  /** New keys, under a new name; the old ones are gone. */
  rotate(): Promise<void>;
  /** Claims that are undefined are left out. */
  token(claims: object, options?: TokenOptions): Promise<string>;
  close(): Promise<void>;
}

export async function startIssuer({
  port = 0,
  path = "",
  metadataPath = `/.well-known/oauth-authorization-server${path}`,
  metadata = {},
}: IssuerOptions = {}): Promise<Issuer> {
  let generation = 0;
  let [key, publicKey] = await makeKey(++generation);
  const asked: string[] = [];

  const server = createServer((request, response) => {
    asked.push(request.url!);
    const answer = (status: number, body: string, headers: Record<string, string> = {}) =>
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
    const { failing } = issuer;
    if (failing) return answer(failing.status, failing.body, failing.headers);
    if (request.url === metadataPath) return answer(200, JSON.stringify(document()));
    if (request.url === "/keys") return answer(200, JSON.stringify({ keys: [publicKey] }));
    if (request.url === "/token") {
      void text(request).then(async (body) => {
        const form = new URLSearchParams(body);
        const claims = { sub: "robot", aud: form.get("resource"), scope: form.get("scope") };
        const access_token = await issuer.token(claims);
        answer(200, JSON.stringify({ access_token, token_type: "Bearer", expires_in: 300 }));
      });
      return;
    }
    return answer(404, "{}");
  });
  const origin = `http://127.0.0.1:${await listenLocally(server, port)}`;

  const document = () => ({
    issuer: issuer.url,
    jwks_uri: `${origin}/keys`,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    response_types_supported: ["code"],
    grant_types_supported: ["client_credentials"],
    token_endpoint_auth_methods_supported: ["client_secret_post"],
    ...metadata,
  });

  const issuer: Issuer = {
    url: `${origin}${path}`,
    port: Number(new URL(origin).port),
    asked,
    failing: undefined,
    get publicKey() {
      return publicKey;
    },
    async rotate() {
      [key, publicKey] = await makeKey(++generation);
    },
    token(claims, options = {}) {
      const { kid = publicKey.kid, alg = "ES256", key: other = key } = options;
      const typ = "typ" in options ? options.typ : "at+jwt";
      const seconds = Math.floor(Date.now() / 1000);
      const standard = { iss: issuer.url, iat: seconds, exp: seconds + 300, scope: "write" };
      return new SignJWT({ ...standard, ...claims })
        .setProtectedHeader({
          alg,
          ...(typ !== undefined && { typ }),
          ...(kid !== undefined && { kid }),
        })
        .sign(other);
    },
    async close() {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  onTestFinished(() => issuer.close());
  return issuer;
}

export async function makeKey(generation: number): Promise<[CryptoKey, JWK]> {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const jwk = await exportJWK(publicKey);
  return [privateKey, { ...jwk, kid: `key-${generation}`, alg: "ES256", use: "sig" }];
}

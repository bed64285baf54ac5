// The authorization server of our own (OAuth 2.1): answers on Node's request and response, and lets the consent page decide.
// The library behind it is loaded with the first request.
import { generateKeyPair, randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import type { InteractionResults, JWK } from "oidc-provider";
import { type Principal, scopeOf } from "../auth/principal.ts";
import { AppError } from "../lib/errors.ts";
import { nameOf, objectOf, publicClient } from "./client-metadata.ts";
import { isDocumentAddress } from "./documented-clients.ts";
import { GRANTABLE } from "./grants.ts";
import type { Provider, ProviderParts } from "./provider.ts";
import { authorizationParams, forwarded, type Resource, tokenParams } from "./requests.ts";

export interface AuthorizationServerOptions extends Omit<
  ProviderParts,
  "issuer" | "resource" | "signingKey"
> {
  /** Origin of the server for clients; called late, because the port may be chosen at the start. */
  issuer(): string;
  resource: { url(): string; isOurs(name: string): boolean };
}

/** A sign-in that waits for its person. */
export interface AuthorizationRequest {
  clientId: string;
  clientName: string;
  /** RFC 7591, section 2. */
  metadata: Record<string, unknown>;
  /** True for a client that is known by the address of its own document. */
  isDocumented: boolean;
  redirectUri: URL;
  /** Of `GRANTABLE`, what the client asks for. */
  scopes: string[];
  /** True if the client wants its person to be asked, even again. */
  asksAgain: boolean;
}

const MAX_BODY_BYTES = 64 * 1024;

export class AuthorizationServer {
  readonly #options: AuthorizationServerOptions;
  #provider: Promise<Provider> | undefined;

  constructor(options: AuthorizationServerOptions) {
    this.#options = options;
  }

  get issuer(): string {
    return this.#options.issuer();
  }

  /** Answer a request for an endpoint or a document; `path`: its plain path. */
  async handle(incoming: IncomingMessage, outgoing: ServerResponse, path: string): Promise<void> {
    const provider = await this.#load();
    const { url = "" } = incoming;
    const query = url.includes("?") ? url.slice(url.indexOf("?") + 1) : "";
    const body = incoming.method === "POST" ? await readBody(incoming) : undefined;
    const request = forwarded(incoming, new URL(this.issuer), {
      target: this.#target(path, query),
      body: body && this.#body(path, body, incoming.headers["content-type"] ?? ""),
    });
    await provider.callback()(request, outgoing);
  }

  #target(path: string, query: string): string {
    if (path !== "/authorize") return query === "" ? path : `${path}?${query}`;
    return `${path}?${authorizationParams(new URLSearchParams(query), this.#resource).toString()}`;
  }

  #body(path: string, body: Buffer, type: string): Buffer {
    if (path === "/token" && /^application\/x-www-form-urlencoded\b/i.test(type)) {
      const params = new URLSearchParams(body.toString());
      return Buffer.from(tokenParams(params, this.#resource).toString());
    }
    if (path !== "/register" || !/^application\/json\b/i.test(type)) return body;
    const sent = objectOf(body.toString());
    return sent === undefined ? body : Buffer.from(JSON.stringify(publicClient(sent)));
  }

  get #resource(): Resource {
    const { url, isOurs } = this.#options.resource;
    return { url: url(), isOurs };
  }

  /**
   * The sign-in that this browser has begun.
   * @throws AppError `not_found` for a browser that has begun none, and after half an hour
   */
  async request(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
  ): Promise<AuthorizationRequest> {
    const provider = await this.#load();
    const { params, uid } = await details(provider, incoming, outgoing);
    const {
      client_id: id,
      redirect_uri: redirect,
      scope,
      prompt,
    } = params as Record<string, string>;
    // The address must be of this sign-in: another tab of this browser may have begun another one.
    if (!incoming.url!.split("?")[0]!.split("/").includes(uid)) throw unknown();
    const isDocumented = isDocumentAddress(id!);
    const { clients, documents } = this.#options;
    const metadata = isDocumented
      ? await documents.forSignIn(id!)
      : (await clients.find(id!))?.metadata;
    if (metadata === undefined) throw unknown();
    const asked = (scope ?? "").split(" ");
    return {
      clientId: id!,
      clientName: nameOf({ ...metadata, client_id: id }),
      ...{ metadata, isDocumented },
      redirectUri: new URL(redirect!),
      scopes: GRANTABLE.filter((one) => asked.includes(one)),
      asksAgain: /\b(consent|login)\b/.test(prompt ?? ""),
    };
  }

  /**
   * Let the client have these scopes in the name of this person, none that the person has not; resolves to where the browser
   * goes on.
   */
  async allow(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    { by, scopes }: { by: Principal; scopes: readonly string[] },
  ): Promise<string> {
    const request = await this.request(incoming, outgoing);
    const mine = grantableBy(by);
    const granted = request.scopes.filter(
      (scope) => scopes.includes(scope) && mine.includes(scope),
    );
    if (granted.length === 0) return this.deny(incoming, outgoing);
    const { clientId, clientName, redirectUri, isDocumented, metadata } = request;
    const grant = await this.#options.grants.create(
      by,
      {
        ...{ clientId, clientName, redirectHost: hostOf(redirectUri) },
        scope: granted.join(" "),
      },
      isDocumented ? metadata : undefined,
    );
    return this.#finish(incoming, outgoing, {
      login: { accountId: by.id, remember: false },
      consent: { grantId: grant.id },
    });
  }

  /** Tell the client that its person does not want this; resolves to where the browser goes on. */
  deny(incoming: IncomingMessage, outgoing: ServerResponse): Promise<string> {
    return this.#finish(incoming, outgoing, {
      error: "access_denied",
      error_description: "The person did not allow it.",
    });
  }

  async #finish(incoming: IncomingMessage, outgoing: ServerResponse, result: InteractionResults) {
    const provider = await this.#load();
    return provider.interactionResult(incoming, outgoing, result, {
      mergeWithLastSubmission: false,
    });
  }

  #load(): Promise<Provider> {
    this.#provider ??= this.#create();
    this.#provider.catch(() => (this.#provider = undefined));
    return this.#provider;
  }

  async #create(): Promise<Provider> {
    const { issuer, resource, ...parts } = this.#options;
    const { createProvider } = await quietly(() => import("./provider.ts"));
    const signingKey: JWK = await parts.records.signingKey(await newSigningKey());
    return createProvider({ ...parts, issuer: issuer(), resource: resource.url(), signingKey });
  }
}

/** Host that a browser is sent back to; of an app's own scheme, the scheme. */
export const hostOf = ({ protocol, host }: URL): string =>
  /^https?:$/.test(protocol) ? host : protocol;

/** Scopes that this person can grant. */
export const grantableBy = (person: Principal): string[] => {
  const own = scopeOf(person);
  if (own === "metrics") return [];
  return GRANTABLE.filter((scope) => scope === "read" || own !== "read");
};

async function details(provider: Provider, incoming: IncomingMessage, outgoing: ServerResponse) {
  try {
    return await provider.interactionDetails(incoming, outgoing);
  } catch (error) {
    const { isUnknownSignIn } = await import("./provider.ts");
    if (isUnknownSignIn(error)) throw unknown();
    throw error;
  }
}

const unknown = (): AppError =>
  new AppError("not_found", "This browser has begun no such sign-in, or half an hour ago.", {
    hint: "Begin again in the program that you want to connect.",
  });

async function newSigningKey(): Promise<Record<string, unknown>> {
  const { privateKey } = await promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), alg: "ES256", use: "sig" };
}

/** @throws AppError `too_large` */
async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES)
      throw new AppError("too_large", `The body is larger than ${MAX_BODY_BYTES} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The library warns of each Node that is not an LTS release while it is loaded. */
async function quietly<T>(load: () => Promise<T>): Promise<T> {
  const { warn } = console;
  Object.assign(console, { warn: () => undefined });
  try {
    return await load();
  } finally {
    Object.assign(console, { warn });
  }
}

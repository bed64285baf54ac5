// The configuration of oidc-provider: OAuth 2.1 with the authorization code alone, PKCE, and refresh tokens that rotate. It
// is the only file that imports the library, and is itself loaded with the first request for a sign-in.
import type { ServerResponse } from "node:http";
import { errors, interactionPolicy, Provider } from "oidc-provider";
import type { Adapter, Configuration, JWK, KoaContextWithOIDC } from "oidc-provider";
import { AppError } from "../lib/errors.ts";
import { isObject } from "../lib/json/objects.ts";
import { type AdapterParts, adapterOf } from "./adapter.ts";
import { GRANTABLE } from "./grants.ts";

export type { Provider };

/** Paths of the library. Clients older than issuers' metadata know the first three (2025-03-26). */
export const ROUTES = {
  authorization: "/authorize",
  token: "/token",
  registration: "/register",
  revocation: "/revoke",
  jwks: "/oauth/keys",
} as const;

/** Page on which a person allows what a client asks for; the id of the sign-in follows. */
export const CONSENT_PATH = "/console/authorize";

/** Seconds. */
const TTL = {
  AccessToken: 3_600,
  AuthorizationCode: 120,
  IdToken: 3_600,
  Interaction: 1_800,
  RefreshToken: 90 * 86_400,
  Session: 60, // not stored
  Grant: 90 * 86_400, // not used: a grant lives as long as its tokens
};

export interface ProviderParts extends Omit<AdapterParts, "invalidGrant" | "isSignIn"> {
  issuer: string;
  signingKey: JWK;
  /** Writes a page that says what is wrong with an authorization request; `back`: where its client hears of it. */
  errorPage(response: ServerResponse, reason: string, back?: URL): Promise<void>;
  onError(error: unknown): void;
}

export function createProvider(parts: ProviderParts): Provider {
  const provider = new Provider(parts.issuer, {
    ...configuration(parts),
    adapter: (name) =>
      inOAuth(
        adapterOf(name, {
          ...parts,
          invalidGrant: (reason) => new errors.InvalidGrant(reason),
          isSignIn: () =>
            !([ROUTES.token, ROUTES.revocation] as unknown[]).includes(Provider.ctx?.path),
        }),
      ),
  });
  nameModels(provider);
  provider.proxy = true; // its requests say what they came by: see requests.ts
  provider.silent = true;
  provider.on("server_error", (_, error) => parts.onError(error));
  provider.use(async (context, next) => {
    await next();
    dropSessionCookie(context);
    const { body } = context as { body: unknown };
    if (isMetadata(body)) body.response_modes_supported = ["query"];
    await askBeforeLeaving(context, parts);
  });
  return provider;
}

/** The same adapter, whose errors are OAuth's where a program gets them. */
const inOAuth = (adapter: Adapter): Adapter =>
  Object.fromEntries(
    Object.entries(adapter).map(([name, act]: [string, (...args: never[]) => Promise<unknown>]) => [
      name,
      (...args: never[]) => act(...args).catch(rethrow),
    ]),
  ) as unknown as Adapter;

/** Only what a program has sent wrongly is its fault for good: all else, such as a database that is away, is one of the moment. */
function rethrow(error: unknown): never {
  if (!(error instanceof AppError) || Provider.ctx === undefined) throw error;
  if (error.code === "invalid") throw new errors.InvalidClientMetadata(error.advice);
  const later = new errors.CustomOIDCProviderError("temporarily_unavailable", error.advice);
  throw Object.assign(later, { status: 503, statusCode: 503 });
}

/** The library finds settings and adapters by the names of its classes, which a bundler may change. */
function nameModels(provider: Provider): void {
  const models = provider as unknown as Record<string, object>;
  for (const name of MODELS) Object.defineProperty(models[name], "name", { value: name });
}

const MODELS = [
  ...["Client", "Grant", "Session", "Interaction", "ReplayDetection", "IdToken"],
  ...["AccessToken", "AuthorizationCode", "RefreshToken", "ClientCredentials"],
  ...["InitialAccessToken", "RegistrationAccessToken"],
];

/** True for the error of a browser that has begun no sign-in. */
export const isUnknownSignIn = (error: unknown): boolean => error instanceof errors.SessionNotFound;

const isMetadata = (body: unknown): body is { response_modes_supported: string[] } =>
  isObject(body) && "response_modes_supported" in body;

/**
 * RFC 9700, section 4.11.2: a wrong request does not lead a browser to where a stranger wants it. A page says what is wrong,
 * and lets the person go on.
 */
async function askBeforeLeaving(
  context: Pick<KoaContextWithOIDC, "path" | "res" | "response" | "respond">,
  { issuer, errorPage }: ProviderParts,
): Promise<void> {
  const back = URL.parse(context.response.get("location"), issuer);
  if (context.path !== ROUTES.authorization || back === null || back.origin === issuer) return;
  const { searchParams: answer } = back;
  context.respond = false;
  for (const name of ["location", "content-length"]) context.res.removeHeader(name);
  context.res.statusCode = 400;
  const reason = answer.get("error_description") ?? answer.get("error") ?? "it is not valid";
  await errorPage(context.res, reason, back);
}

/** The library's own session ends with the answer. */
function dropSessionCookie(context: { res: KoaContextWithOIDC["res"] }): void {
  const set = context.res.getHeader("set-cookie");
  if (!Array.isArray(set)) return;
  const rest = set.filter((cookie) => !cookie.startsWith(`${COOKIES.session}=`));
  if (rest.length > 0) context.res.setHeader("set-cookie", rest);
  else context.res.removeHeader("set-cookie");
}

const COOKIES = {
  session: "holdfast_oauth_session",
  interaction: "holdfast_oauth",
  resume: "holdfast_oauth_resume",
};

const off = { enabled: false };

function configuration(parts: ProviderParts): Configuration {
  const { grants, resource } = parts;
  return {
    jwks: { keys: [parts.signingKey] },
    scopes: ["openid", "offline_access", ...GRANTABLE],
    responseTypes: ["code"],
    clientAuthMethods: ["none"],
    discovery: { revocation_endpoint_auth_methods_supported: ["none"] }, // RFC 8414: absent means client_secret_basic
    clientDefaults: { id_token_signed_response_alg: "ES256", token_endpoint_auth_method: "none" },
    enabledJWA: { idTokenSigningAlgValues: ["ES256"] },
    pkce: { required: () => true },
    routes: ROUTES,
    ttl: TTL,
    cookies: { names: COOKIES, long: COOKIE_OPTIONS, short: COOKIE_OPTIONS },
    rotateRefreshToken: true,
    issueRefreshToken: () => true,
    expiresWithSession: () => false,
    revokeGrantPolicy: () => true,
    clientBasedCORS: () => true, // foreign origins are refused before: see guards.ts
    findAccount: async (context, id, token) => {
      const grantId = grantIdOf(token) ?? resultOf(context)?.grantId;
      if (grantId !== undefined && !(await grants.holds(grantId).catch(rethrow))) return undefined;
      return { accountId: id, claims: () => ({ sub: id }) };
    },
    loadExistingGrant: async (context) => {
      const grantId = resultOf(context)?.grantId;
      return grantId === undefined ? undefined : context.oidc.provider.Grant.find(grantId);
    },
    interactions: { policy: policy(), url: (_, { uid }) => `${CONSENT_PATH}/${uid}` },
    renderError: async (context, out) => {
      context.respond = false;
      await parts.errorPage(context.res, out.error_description ?? out.error);
    },
    features: {
      devInteractions: off,
      dPoP: off,
      pushedAuthorizationRequests: off,
      rpInitiatedLogout: off,
      userinfo: off,
      revocation: {
        enabled: true,
        allowedPolicy: (_, client, token) => token.clientId === client.clientId,
      },
      registration: { enabled: true, issueRegistrationAccessToken: false },
      clientIdMetadataDocument: {
        enabled: true,
        ack: "draft-02",
        allowFetch: () => false, // see documented-clients.ts: the library forgets a client with its process
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, name) => {
          if (name !== resource) throw new errors.InvalidTarget();
          return {
            ...{ scope: GRANTABLE.join(" "), audience: resource },
            ...{ accessTokenFormat: "opaque", accessTokenTTL: TTL.AccessToken },
          };
        },
      },
    },
  };
}

const COOKIE_OPTIONS = { httpOnly: true, sameSite: "lax", signed: false } as const;

/** Every authorization passes the consent page: the library remembers nobody. */
function policy(): ReturnType<typeof interactionPolicy.base> {
  const prompts = interactionPolicy.base();
  const { Check } = interactionPolicy;
  prompts
    .get("login")!
    .checks.add(
      new Check("every_time", "the person must sign in", "login_required", ({ oidc }) =>
        oidc.result?.login === undefined ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT,
      ),
    );
  return prompts;
}

const resultOf = ({ oidc }: KoaContextWithOIDC) => oidc.result?.consent;

const grantIdOf = (token: unknown): string | undefined =>
  (token as { grantId?: string } | undefined)?.grantId;

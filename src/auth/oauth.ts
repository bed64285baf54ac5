// Access tokens of an OAuth 2.1 issuer. This server is the resource (RFC 9728): it neither issues nor stores tokens. A
// token is a JWT (RFC 9068) for our audience; its issuer and subject are the principal, never the token itself.
import { OAuthError, OAuthErrorCode } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import { type IssuerEvents, IssuerKeys, jose } from "./issuer-keys.ts";
import { ALL_SCOPES, type AuthInfo, highestScope } from "./principal.ts";

/** Algorithms with key pairs only: checking a token must not require a secret that could sign one. */
const ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];
/** RFC 9068, section 4: the same keys also sign other things, such as logout tokens and ID tokens. */
const TYPES: readonly unknown[] = ["at+jwt", "application/at+jwt"];
/** Types of issuers that do not mark access tokens by type. */
const PLAIN_TYPES: readonly unknown[] = ["jwt", undefined];
/** Prefix that issuers may use: `holdfast:read` for `read`. */
const PREFIX = "holdfast:";
const CLOCK_TOLERANCE_SECONDS = 5;

const names = z
  .union([z.string(), z.array(z.string())])
  .optional()
  .catch(undefined);
const client = z.string().max(2_000).optional().catch(undefined);
const CLAIMS = z.object({
  // Refuse a lone surrogate: storing one would change it, and two subjects could become one.
  sub: z
    .string()
    .min(1)
    .max(255)
    .refine((sub) => sub.isWellFormed() && !/\p{Cc}/u.test(sub)),
  /** Seconds since 1970. */
  exp: z.number(),
  scope: names,
  scp: names,
  /** The program that the token was issued to: the claim of RFC 9068, or the name that some issuers use. */
  client_id: client,
  azp: client,
});

export interface AccessTokenOptions {
  /** Identifier of the issuer, exactly as in its metadata and in `iss`. */
  issuer: string;
  /** True for an audience of this server; called for each token, because the port may be chosen at the start. */
  isAudience(name: string): boolean;
  /** Accept tokens whose header says only `JWT`. */
  plainJwt?: boolean;
  clock: Clock;
  events?: IssuerEvents;
}

export class AccessTokens {
  readonly #options: AccessTokenOptions;
  readonly #keys: IssuerKeys;

  constructor(options: AccessTokenOptions) {
    this.#options = options;
    this.#keys = new IssuerKeys(options.issuer, options.clock, options.events);
  }

  /**
   * Verify a token and give its principal.
   * @throws OAuthError `invalid_token` or `insufficient_scope`; AppError `unavailable` while the issuer is down
   */
  async verify(token: string): Promise<AuthInfo> {
    const { sub, exp, scope, scp, client_id, azp } = await this.#claims(token);
    const granted = [scope ?? [], scp ?? []].flat().flatMap((text) => text.split(" "));
    const highest = highestScope(granted.map(withoutPrefix));
    if (highest === undefined)
      throw new OAuthError(
        OAuthErrorCode.InsufficientScope,
        `This access token has none of the scopes ${ALL_SCOPES.join(", ")}.`,
      );
    const { issuer, clock } = this.#options;
    const until = (exp + CLOCK_TOLERANCE_SECONDS) * 1_000;
    return {
      principal: {
        id: `${issuer}#${sub}`,
        scope: highest,
        credentials: { id: `client ${client_id ?? azp ?? ""}`, until },
      },
      credentials: `token of ${sub} until ${exp}`,
      holds: async () => clock.now() < until,
    };
  }

  async #claims(token: string): Promise<z.output<typeof CLAIMS>> {
    const { issuer, isAudience, plainJwt = false, clock } = this.#options;
    const { errors, jwtVerify } = await jose();
    try {
      const { payload, protectedHeader } = await jwtVerify(token, this.#keys.find, {
        ...{ issuer, algorithms: ALGORITHMS },
        ...{ requiredClaims: ["exp", "sub", "aud"], clockTolerance: CLOCK_TOLERANCE_SECONDS },
        currentDate: new Date(clock.now()),
      });
      const typ = protectedHeader.typ?.toLowerCase();
      if (!plainJwt && PLAIN_TYPES.includes(typ))
        throw invalid("its header has no typ at+jwt (the setting auth-plain-jwt does without)");
      if (![...TYPES, ...PLAIN_TYPES].includes(typ)) throw invalid("it is not an access token");
      if (![payload.aud ?? []].flat().some(isAudience)) throw invalid(notForUs("aud"));
      const claims = CLAIMS.safeParse(payload);
      if (!claims.success) throw invalid("its claim sub is not usable");
      return claims.data;
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw invalid("it has expired");
      if (error instanceof errors.JWTClaimValidationFailed) throw invalid(notForUs(error.claim));
      if (error instanceof AppError || error instanceof OAuthError) throw error;
      throw invalid("it is not one of the issuer's");
    }
  }
}

const withoutPrefix = (name: string): string =>
  name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name;

const notForUs = (claim: string): string =>
  `its claim ${claim} is missing or not meant for this server`;

const invalid = (reason: string): OAuthError =>
  new OAuthError(OAuthErrorCode.InvalidToken, `This access token is not valid: ${reason}.`);

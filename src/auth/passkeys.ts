// Passkeys (WebAuthn): a signed-in person enrols them, and signs in with them afterwards. A passkey is worth what the sign-in
// was that enrolled it: the same principal and scope, until the key behind that sign-in ends.
import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  WebAuthnCredential,
} from "@simplewebauthn/server";
import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import type { Expiring } from "../lib/expiring.ts";
import { isTrue } from "../lib/is-true.ts";
import { once } from "../lib/once.ts";
import { commandLine } from "../lib/text/command-line.ts";
import { checkText } from "../lib/text/text.ts";
import { type ApiKeys, hashOf } from "./api-keys.ts";
import type { Audit } from "./audit.ts";
import { credentialsBehind } from "./browser-sessions.ts";
import { LOCAL, may, type Principal, type Scope, scopeOf } from "./principal.ts";

export interface Passkey {
  /** Public name in lists; not the credential's id. */
  id: string;
  /** In base64url. */
  credentialId: string;
  /** A COSE key. */
  publicKey: Uint8Array;
  /** Of signatures, as the authenticator counts them; 0 where it does not count. */
  counter: number;
  transports: string[];
  principal: string;
  scope: Scope;
  /** The API key of the sign-in that enrolled it; it ends with that. Null after a command's link. */
  keyId: string | null;
  /** As its person calls it. */
  label: string;
  createdAt: number;
  lastUsedAt: number | null;
}

export interface PasskeyStore extends Expiring {
  /** `full`: the principal has `max` already. `known`: somebody has enrolled this credential. */
  create(passkey: Passkey, max: number): Promise<"created" | "full" | "known">;
  find(id: string): Promise<Passkey | undefined>;
  findByCredential(credentialId: string): Promise<Passkey | undefined>;
  /** Of one principal, or of all; the oldest first. */
  list(principal?: string): Promise<Passkey[]>;
  /** True if there is any. */
  any(): Promise<boolean>;
  /** Record a use. False, and no use, unless the counter is above the stored one or both are 0. */
  use(id: string, use: { counter: number; at: number }): Promise<boolean>;
  /** Delete a passkey with its sign-ins and what was granted in them; false for one that is not there. */
  delete(id: string): Promise<boolean>;
  /** Add a challenge; the oldest ones of the same principal, or of all sign-ins, make room beyond `max`. */
  addChallenge(challenge: PasskeyChallenge, max: number): Promise<void>;
  /** Delete a challenge: true once, for the same principal, until it expires. */
  takeChallenge(challenge: Omit<PasskeyChallenge, "expiresAt">): Promise<boolean>;
}

export interface PasskeyChallenge {
  /** SHA-256 of its text. */
  hash: Uint8Array;
  /** Who enrols a passkey; null for a sign-in. */
  principal: string | null;
  expiresAt: number;
}

/** The site that a browser binds passkeys to. */
export interface RelyingParty {
  /** A name of a host. */
  id: string;
  origin: string;
}

/** The relying party of an origin; undefined where browsers know no passkeys: without https, and at a bare IP address. */
export function relyingParty({ origin, hostname, protocol }: URL): RelyingParty | undefined {
  if (isIP(hostname) !== 0 || hostname.startsWith("[")) return undefined;
  if (protocol !== "https:" && hostname !== "localhost") return undefined;
  return { id: hostname, origin };
}

const CHALLENGE_MS = 300_000;
const MAX_SIGN_INS = 1_000;
const MAX_ENROLMENTS = 5;
const MAX_PER_PRINCIPAL = 20;
const MAX_LABEL_BYTES = 100;
/** WebAuthn, section 4: of a credential's id. In base64url. */
const MAX_ID_CHARACTERS = 1_364;
const MAX_PUBLIC_KEY_BYTES = 2_048;
/** EdDSA, ES256, RS256. */
const ALGORITHMS = [-8, -7, -257];

export class Passkeys {
  readonly #store: PasskeyStore;
  readonly #keys: ApiKeys;
  readonly #audit: Audit;
  readonly #clock: Clock;

  constructor(store: PasskeyStore, keys: ApiKeys, audit: Audit, clock: Clock) {
    this.#store = store;
    this.#keys = keys;
    this.#audit = audit;
    this.#clock = clock;
  }

  /** What a browser needs to make a passkey of this person. */
  async beginEnrolment(
    by: Principal,
    { id: rpID }: RelyingParty,
  ): Promise<PublicKeyCredentialCreationOptionsJSON> {
    const { generateRegistrationOptions } = await webauthn();
    await this.#removeDead(by.id); // the same device may be enrolled again
    const mine = await this.#store.list(by.id);
    const options = await generateRegistrationOptions({
      ...{ rpName: "Holdfast", rpID, userName: by.id, userDisplayName: by.id },
      userID: Uint8Array.from(userOf(by.id)),
      attestationType: "none",
      excludeCredentials: mine.map(({ credentialId: id, transports }) => ({
        ...{ id, transports },
      })),
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
      supportedAlgorithmIDs: ALGORITHMS,
      timeout: CHALLENGE_MS,
    });
    await this.#remember(options.challenge, by.id);
    return options;
  }

  /**
   * Keep a passkey that this person's browser has made.
   * @throws AppError `invalid`; `limit` for one too many
   */
  async enrol(
    by: Principal,
    party: RelyingParty,
    { label, response }: { label: string; response: unknown },
  ): Promise<void> {
    checkText("The passkey's name", label, MAX_LABEL_BYTES);
    const { verifyRegistrationResponse } = await webauthn();
    const made = await refusing(() =>
      verifyRegistrationResponse({
        response: response as never,
        expectedChallenge: (challenge) => this.#take(challenge, by.id),
        ...{ expectedOrigin: party.origin, expectedRPID: party.id },
        supportedAlgorithmIDs: ALGORITHMS,
      }),
    );
    const credential = made?.registrationInfo?.credential;
    if (credential === undefined || isTooLarge(credential))
      throw new AppError("invalid", "The browser's answer is not valid, or came too late.", {
        hint: "Load the page again, and repeat it.",
      });
    const passkey = {
      ...{ id: randomBytes(6).toString("hex"), credentialId: credential.id },
      ...{ publicKey: credential.publicKey, counter: credential.counter },
      transports: transportsOf(credential),
      ...{ principal: by.id, scope: scopeOf(by), keyId: by.credentials?.key ?? null },
      ...{ label: label.trim() || "Passkey", createdAt: this.#clock.now(), lastUsedAt: null },
    };
    const outcome = await this.#audit.noteWith(
      by,
      "passkey added",
      passkey.id,
      () => this.#store.create(passkey, MAX_PER_PRINCIPAL),
      { done: (result) => result === "created", detail: () => passkey.label },
    );
    if (outcome === "known") throw new AppError("invalid", "This passkey is enrolled already.");
    if (outcome === "full")
      throw new AppError("limit", `You have ${MAX_PER_PRINCIPAL} passkeys: remove one first.`);
  }

  /** What a browser needs to sign somebody in with a passkey of this site. */
  async beginSignIn({ id: rpID }: RelyingParty): Promise<PublicKeyCredentialRequestOptionsJSON> {
    const { generateAuthenticationOptions } = await webauthn();
    const options = await generateAuthenticationOptions({
      ...{ rpID, userVerification: "required", timeout: CHALLENGE_MS },
    });
    await this.#remember(options.challenge, null);
    return options;
  }

  /** The person whose passkey has signed; undefined if it has not, or may not sign in any more. */
  async signIn(party: RelyingParty, response: unknown): Promise<Principal | undefined> {
    const { id: credentialId } = (response ?? {}) as { id?: unknown };
    if (typeof credentialId !== "string") return undefined;
    const passkey = await this.#store.findByCredential(credentialId);
    if (passkey === undefined || !(await this.#isValid(passkey))) return undefined;
    const counter = await this.#signature(party, passkey, response);
    if (counter === undefined) return undefined;
    const { id, principal, scope } = passkey;
    if (await this.#store.use(id, { counter, at: this.#clock.now() }))
      return {
        id: principal,
        scope,
        credentials: credentialsBehind({ ...passkey, passkeyId: id })!,
      };
    if (await this.holds(id))
      await this.#audit.note(
        { id: principal },
        "passkey refused",
        id,
        `its counter went back to ${counter}: a copy of it may be in use`,
      );
    return undefined;
  }

  /** The counter that came with a valid signature. `use` compares it, in one step with its storing. */
  async #signature(
    { id, origin }: RelyingParty,
    { credentialId, publicKey, principal }: Passkey,
    response: unknown,
  ): Promise<number | undefined> {
    const { verifyAuthenticationResponse } = await webauthn();
    const checked = await refusing(() =>
      verifyAuthenticationResponse({
        response: response as never,
        expectedChallenge: (challenge) => this.#take(challenge, null),
        ...{ expectedOrigin: origin, expectedRPID: id },
        credential: { id: credentialId, publicKey: Uint8Array.from(publicKey), counter: 0 },
      }),
    );
    if (!checked?.verified) return undefined;
    const { userHandle } = (response as { response: { userHandle?: string } }).response;
    const isTheirs = !userHandle || userHandle === userOf(principal).toString("base64url");
    return isTheirs ? checked.authenticationInfo.newCounter : undefined;
  }

  /** True while the passkey of this id can sign in. */
  async holds(id: string): Promise<boolean> {
    const passkey = await this.#store.find(id);
    return passkey !== undefined && this.#isValid(passkey);
  }

  async #isValid({ keyId }: Passkey): Promise<boolean> {
    return keyId === null || this.#keys.holds(keyId);
  }

  /** Those that can sign in, of one principal or of all. */
  async list(principal?: string): Promise<Passkey[]> {
    const all = await this.#store.list(principal);
    const valid = await Promise.all(all.map((passkey) => this.#isValid(passkey)));
    return all.filter((_, index) => valid[index]);
  }

  any(): Promise<boolean> {
    return this.#store.any();
  }

  /**
   * Remove a passkey; whoever signed in with it is out at once. `by`: its person, or the operator.
   * @throws AppError `not_found`; `forbidden` for a passkey that may do more than the sign-in
   */
  async remove(id: string, by: Principal = LOCAL): Promise<void> {
    const passkey = await this.#store.find(id);
    const isTheirs = by === LOCAL || passkey?.principal === by.id;
    if (passkey !== undefined && isTheirs && !may(by, passkey.scope))
      throw new AppError("forbidden", "This passkey may do more than your sign-in.", {
        hint: "Sign in with it, or with a key of its scope.",
      });
    if (passkey === undefined || !isTheirs || !(await this.#delete(passkey, by)))
      throw new AppError("not_found", `There is no passkey ${JSON.stringify(id)}.`, {
        hint: `${commandLine("passkeys list")} shows them.`,
      });
  }

  #delete({ id, label }: Passkey, by: Pick<Principal, "id">): Promise<boolean> {
    return this.#audit.noteWith(by, "passkey removed", id, () => this.#store.delete(id), {
      ...{ done: isTrue, detail: () => label },
    });
  }

  /** Those whose key has ended leave their places. */
  async #removeDead(principal: string): Promise<void> {
    for (const passkey of await this.#store.list(principal))
      if (!(await this.#isValid(passkey))) await this.#delete(passkey, { id: principal });
  }

  #remember(challenge: string, principal: string | null): Promise<void> {
    const expiresAt = this.#clock.now() + CHALLENGE_MS;
    return this.#store.addChallenge(
      { hash: hashOf(challenge), principal, expiresAt },
      principal === null ? MAX_SIGN_INS : MAX_ENROLMENTS,
    );
  }

  #take(challenge: string, principal: string | null): Promise<boolean> {
    return this.#store.takeChallenge({ hash: hashOf(challenge), principal });
  }
}

/**
 * Loaded with the first use of a passkey. Nobody is asked who made an authenticator: without root certificates the library
 * follows no certificate of a stranger, and fetches no list that one names.
 */
const webauthn = once(async () => {
  const library = await import("@simplewebauthn/server");
  for (const identifier of ["android-key", "android-safetynet", "apple"] as const)
    library.SettingsService.setRootCertificates({ identifier, certificates: [] });
  return library;
});

const TRANSPORTS: readonly unknown[] = [
  ...["ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"],
];

/** The known names among what the browser says; it may be anything. */
const transportsOf = ({ transports }: { transports?: unknown }): Transport[] =>
  Array.isArray(transports)
    ? [...new Set<Transport>(transports.filter((name) => TRANSPORTS.includes(name)))]
    : [];

type Transport = NonNullable<WebAuthnCredential["transports"]>[number];

/** The user handle of a principal: opaque, because authenticators may show it to others. */
const userOf = (principal: string): Buffer => hashOf(`passkeys of ${principal}`);

const isTooLarge = ({ id, publicKey }: WebAuthnCredential): boolean =>
  id.length > MAX_ID_CHARACTERS || publicKey.byteLength > MAX_PUBLIC_KEY_BYTES;

/** Undefined for an answer that the library refuses. It throws plain errors; ours are faults of the server. */
async function refusing<T>(check: () => Promise<T>): Promise<T | undefined> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof AppError) throw error;
    return undefined;
  }
}

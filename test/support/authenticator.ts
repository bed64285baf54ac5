// A software authenticator: makes passkeys and signs with them as a browser does, or as an attacker would like to.
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** Parts of an answer that differ from those that a browser gives. */
export interface Forged {
  /** Of the page that asks. */
  origin?: string;
  rpId?: string;
  counter?: number;
  /** True if the person has shown who they are, not only that somebody is there. */
  verified?: boolean;
  challenge?: string;
  userHandle?: string;
  transports?: unknown;
}

interface Options {
  challenge: string;
  rp?: { id: string };
  rpId?: string;
  user?: { id: string };
}

const sha256 = (data: string | Buffer): Buffer => createHash("sha256").update(data).digest();
const base64url = (data: string | Buffer): string => Buffer.from(data).toString("base64url");

export class Authenticator {
  readonly #origin: string;
  readonly #id = randomBytes(16);
  readonly #key: KeyObject;
  readonly #cose: Buffer;
  #userHandle = "";

  constructor(origin: string) {
    this.#origin = origin;
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#key = privateKey;
    const { x = "", y = "" } = publicKey.export({ format: "jwk" });
    // RFC 9052: { 1: EC2, 3: ES256, -1: P-256, -2: x, -3: y } in CBOR.
    this.#cose = Buffer.concat([
      Buffer.from("a5010203262001215820", "hex"),
      ...[Buffer.from(x, "base64url"), Buffer.from("225820", "hex"), Buffer.from(y, "base64url")],
    ]);
  }

  /** `navigator.credentials.create`. */
  create(options: Options, forged: Forged = {}): object {
    this.#userHandle = options.user?.id ?? "";
    const length = Buffer.from([0, this.#id.length]);
    const attested = Buffer.concat([Buffer.alloc(16), length, this.#id, this.#cose]);
    const authData = this.#authData(options, forged, attested);
    // { fmt: "none", attStmt: {}, authData } in CBOR.
    const attestationObject = Buffer.concat([
      Buffer.from("a363666d74646e6f6e656761747453746d74a0686175746844617461", "hex"),
      ...[Buffer.from([0x58, authData.length]), authData],
    ]);
    return this.#answer({
      clientDataJSON: base64url(this.#clientData("webauthn.create", options, forged)),
      attestationObject: base64url(attestationObject),
      transports: forged.transports ?? ["internal"],
    });
  }

  /** `navigator.credentials.get`. */
  get(options: Options, forged: Forged = {}): object {
    const clientData = this.#clientData("webauthn.get", options, forged);
    const authData = this.#authData(options, forged);
    const signed = Buffer.concat([authData, sha256(clientData)]);
    return this.#answer({
      clientDataJSON: base64url(clientData),
      authenticatorData: base64url(authData),
      signature: base64url(sign("sha256", signed, this.#key)),
      userHandle: forged.userHandle ?? this.#userHandle,
    });
  }

  #clientData(type: string, { challenge }: Options, forged: Forged): string {
    const asked = forged.challenge ?? challenge;
    const origin = forged.origin ?? this.#origin;
    return JSON.stringify({ type, challenge: asked, origin, crossOrigin: false });
  }

  #authData({ rp, rpId }: Options, forged: Forged, attested = Buffer.alloc(0)): Buffer {
    const flags = 0x01 | (forged.verified === false ? 0 : 0x04) | (attested.length > 0 ? 0x40 : 0);
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(forged.counter ?? 0);
    const site = sha256(forged.rpId ?? rp?.id ?? rpId ?? "");
    return Buffer.concat([site, Buffer.from([flags]), counter, attested]);
  }

  #answer(response: object): object {
    const id = base64url(this.#id);
    return { id, rawId: id, type: "public-key", response, clientExtensionResults: {} };
  }
}

// The metadata of clients (RFC 7591, section 2), as programs send it, brought into the one form that this server supports:
// public clients with PKCE. They get no secret, whatever they ask for; an answer says so, as the RFC provides for.
import { AppError } from "../lib/errors.ts";
import { isObject } from "../lib/json/objects.ts";
import { parsedJson } from "../lib/json/parsed.ts";
import { shortened } from "../lib/text/text.ts";

const MAX_REDIRECTS = 20;
const MAX_URI = 2_000;
const MAX_NAME_BYTES = 200;

/** Metadata that is kept as it was sent. */
const KEPT = ["client_uri", "logo_uri", "tos_uri", "policy_uri"];

const isShort = (uri: unknown): boolean => typeof uri === "string" && uri.length <= MAX_URI;

type Metadata = Record<string, unknown>;

/** RFC 7591, section 3.2.2: `invalid_redirect_uri`. */
export class InvalidRedirect extends AppError {
  constructor(expected: string) {
    super("invalid", `redirect_uris: expected ${expected}.`);
  }
}

/** @throws InvalidRedirect; AppError `invalid` for other metadata that no client needs */
export function publicClient(sent: Metadata): Metadata {
  const { redirect_uris: redirects, client_name: name } = sent;
  if (!Array.isArray(redirects) || redirects.length === 0)
    throw new InvalidRedirect("a list with at least one address");
  if (redirects.length > MAX_REDIRECTS)
    throw new InvalidRedirect(`at most ${MAX_REDIRECTS} addresses`);
  if (!redirects.every(isShort))
    throw new InvalidRedirect(`addresses of at most ${MAX_URI} characters`);
  const kept = Object.fromEntries(
    KEPT.filter((key) => sent[key] !== undefined).map((key) => [key, sent[key]]),
  );
  for (const [key, value] of Object.entries(kept))
    if (!isShort(value))
      throw new AppError(
        "invalid",
        `${key}: expected an address of at most ${MAX_URI} characters.`,
      );
  return {
    ...kept,
    redirect_uris: redirects,
    ...(typeof name === "string" && plain(name) !== "" && { client_name: plain(name) }),
    // Native clients: https addresses, loopback with any port (RFC 8252), or a scheme of their own.
    application_type: "native",
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
}

/**
 * The metadata of the client that is known by the address `id`, from the text of its document.
 * @throws AppError `invalid` for another's document, and for a client that proves itself in a way that is not offered
 */
export function documentedClient(id: string, text: string): Metadata {
  const sent = objectOf(text);
  if (sent === undefined) throw notTaken("it is no JSON object");
  if (sent["client_id"] !== id) throw notTaken("its client_id is not its address");
  if ("client_secret" in sent || "client_secret_expires_at" in sent)
    throw notTaken("it holds a client_secret, which everybody can read");
  if (![undefined, "none"].includes(sent["token_endpoint_auth_method"] as undefined))
    throw notTaken("only the token_endpoint_auth_method none is offered");
  return publicClient(sent);
}

const notTaken = (reason: string): AppError =>
  new AppError("invalid", `The client's metadata document is not taken: ${reason}.`);

/** An object of JSON; undefined for anything else. */
export function objectOf(text: string): Metadata | undefined {
  const value = parsedJson(text);
  return isObject(value) ? value : undefined;
}

/** A name without what could disguise it: control characters and those that turn the direction of writing. */
const plain = (name: string): string =>
  shortened(name.replace(/[\p{C}\p{Z}]+/gu, " ").trim(), MAX_NAME_BYTES);

/** The name that pages show: what the client calls itself, else the host of its address. */
export const nameOf = ({ client_id, client_name }: Metadata): string =>
  typeof client_name === "string"
    ? client_name
    : (URL.parse(String(client_id))?.host ?? String(client_id));

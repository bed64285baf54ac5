// Random ids of sessions, clients and instances, and fingerprints of values.
import { createHash, randomUUID } from "node:crypto";
import stringify from "safe-stable-stringify";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A random UUID, in the lower-case form that Node makes. */
export const newId = (): string => randomUUID();

export const isId = (text: string): boolean => UUID.test(text);

/** The id that stands for a JSON value: a UUID of version 8. */
export function idFor(value: unknown[]): string {
  const hex = createHash("sha256").update(stringify(value)).digest("hex");
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`];
  return [...parts, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join("-");
}

/** SHA-256 of a JSON value as base64url. Equal values have one fingerprint, whatever the order of their keys. */
export const fingerprint = (value: unknown[]): string =>
  createHash("sha256").update(stringify(value)).digest("base64url");

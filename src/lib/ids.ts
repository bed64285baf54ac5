// Random ids of sessions, clients and instances, and fingerprints of values.
import { createHash, randomUUID } from "node:crypto";
import stringify from "safe-stable-stringify";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A random UUID, in the lower-case form that Node makes. */
export const newId = (): string => randomUUID();

export const isId = (text: string): boolean => UUID.test(text);

/** SHA-256 of a JSON value as base64url. Equal values have one fingerprint, whatever the order of their keys. */
export const fingerprint = (value: unknown[]): string =>
  createHash("sha256").update(stringify(value)).digest("base64url");

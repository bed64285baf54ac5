// A short text that stands for a JSON value: the same for the same value, whatever the order of its keys.
import { createHash } from "node:crypto";
import stringify from "safe-stable-stringify";

/** SHA-256, base64url. */
export const fingerprint = (value: unknown[]): string =>
  createHash("sha256").update(stringify(value)!).digest("base64url");

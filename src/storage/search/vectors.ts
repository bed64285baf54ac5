// Vectors as bytes, which are packed 32-bit floats, and the messages that have them.
import { type SQL, sql } from "drizzle-orm";
import type { SearchScope } from "../../chat/store.ts";

export const bytesOf = (vector: Float32Array): Buffer =>
  Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);

/** Copied, because the bytes of a row may begin anywhere. */
export const vectorOf = (bytes: Uint8Array): Float32Array =>
  new Float32Array(Uint8Array.from(bytes).buffer);

/** Characters of a message that are embedded. */
export const EMBEDDED_CHARACTERS = 8_000;
/** PostgreSQL gives a number before its row is committed: so many below the newest may still be missing. */
export const UNSURE = 1_000;

/** A message of the session, or of one that the principal owns. */
export const inScope = (scope: SearchScope): SQL =>
  "session" in scope
    ? sql`messages.session_id = ${scope.session}`
    : sql`messages.session_id in (select id from sessions where owner = ${scope.principal})`;

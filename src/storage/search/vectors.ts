// Vectors as bytes: packed 32-bit floats.

export const bytesOf = (vector: Float32Array): Buffer =>
  Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);

/** Copied, because the bytes of a row may begin anywhere. */
export const vectorOf = (bytes: Uint8Array): Float32Array =>
  new Float32Array(Uint8Array.from(bytes).buffer);

/** Characters of a message that are embedded. */
export const EMBEDDED_CHARACTERS = 8_000;
/** PostgreSQL gives a number before its row is committed: so many below the newest may still be missing. */
export const UNSURE = 1_000;

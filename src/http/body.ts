// Reads a request's body up to a size. After a body that is too large, the connection stays usable.
import { AppError } from "../lib/errors.ts";

/** Bytes of a body without a length that are discarded before the connection is closed. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;

/**
 * Read the bytes; undefined for more than `maxBytes`.
 * @throws AppError `invalid` when the client breaks off: its own doing, which is not logged
 */
export async function readBody(
  request: Request,
  maxBytes: number,
): Promise<ArrayBuffer | Buffer | undefined> {
  try {
    return await read(request, maxBytes);
  } catch (cause) {
    throw new AppError("invalid", "The body broke off before its end.", { cause });
  }
}

async function read(request: Request, maxBytes: number): Promise<ArrayBuffer | Buffer | undefined> {
  const length = request.headers.get("content-length");
  if (length !== null) {
    // Leave a body that is too large unread: the HTTP server below discards it.
    return Number(length) > maxBytes ? undefined : request.arrayBuffer();
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size <= maxBytes) chunks.push(chunk);
    else if (size > maxBytes + MAX_DISCARDED_BYTES) break;
  }
  return size > maxBytes ? undefined : Buffer.concat(chunks);
}

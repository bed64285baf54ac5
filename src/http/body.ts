// Reads a request's body up to a size. A body that is too large costs only itself: the connection stays usable.
import { AppError } from "../lib/errors.ts";

/** How much of a body without a length is thrown away before the connection is given up. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;

/**
 * The bytes; undefined when there are more than `maxBytes`.
 * @throws AppError `invalid` when the client breaks off: its doing, and nothing for the log
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
    // Not even begun when too large: the server under us discards what nobody has touched.
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

// Reads a request's body up to a size. After a body that is too large, the connection stays usable.
import type { IncomingMessage } from "node:http";
import { RequestError } from "../protocol/errors.ts";

/** Bytes of a body without a length that are discarded before the connection is closed. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;

/** The bytes of a body that has arrived as a whole; undefined for one that `readBody` must read. */
export function arrivedBody(incoming: IncomingMessage, maxBytes: number): Buffer | undefined {
  const length = Number(incoming.headers["content-length"]);
  if (!incoming.complete || !(length > 0 && length <= maxBytes)) return undefined;
  const chunks: Buffer[] = [];
  for (let chunk: Buffer | null; (chunk = incoming.read() as Buffer | null) !== null;)
    chunks.push(chunk);
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
}

/**
 * Read the bytes.
 * @throws RequestError `too_large`; `invalid_request` when the client breaks off
 */
export async function readBody(request: Request, maxBytes: number): Promise<ArrayBuffer | Buffer> {
  let bytes: ArrayBuffer | Buffer | undefined;
  try {
    bytes = await read(request, maxBytes);
  } catch (cause) {
    throw new RequestError("invalid_request", "The body broke off before its end.", { cause });
  }
  if (bytes !== undefined) return bytes;
  const fault = `The body is larger than ${maxBytes} bytes (the setting max-body).`;
  throw new RequestError("too_large", fault);
}

/** The bytes; undefined for more than `maxBytes`. */
async function read(request: Request, maxBytes: number): Promise<ArrayBuffer | Buffer | undefined> {
  const length = request.headers.get("content-length");
  if (length !== null) {
    // Leave a body that is too large unread: the HTTP server below discards it.
    return Number(length) > maxBytes ? undefined : request.arrayBuffer();
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size <= maxBytes) chunks.push(chunk);
    else if (size > maxBytes + MAX_DISCARDED_BYTES) break;
  }
  return size > maxBytes ? undefined : Buffer.concat(chunks);
}

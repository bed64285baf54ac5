// JSON responses and their sizes, by which the server limits the bytes that wait for slow readers.

/** Minimum length of a body whose size is recorded. */
const COUNTED_CHARACTERS = 64_000;

const sizes = new WeakMap<Response, number>();

export function jsonResponse(body: string, status = 200): Response {
  const response = new Response(body, { status, headers: { "content-type": "application/json" } });
  if (body.length > COUNTED_CHARACTERS) sizes.set(response, body.length);
  return response;
}

/** The approximate size of a large response that `jsonResponse` made, in bytes; 0 for any other. */
export const sizeOf = (response: Response): number => sizes.get(response) ?? 0;

// JSON answers, and how large they are: whoever sends one must know what waits for a slow reader.

/** Smaller ones are not worth counting. */
const COUNTED_CHARACTERS = 64_000;

const sizes = new WeakMap<Response, number>();

export function jsonResponse(body: string, status = 200): Response {
  const response = new Response(body, { status, headers: { "content-type": "application/json" } });
  if (body.length > COUNTED_CHARACTERS) sizes.set(response, body.length);
  return response;
}

/** Of a large answer that `jsonResponse` made, about, in bytes; 0 for any other. */
export const sizeOf = (response: Response): number => sizes.get(response) ?? 0;

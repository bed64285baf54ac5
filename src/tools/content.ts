// The helpers `image` and `audio`, for parts of a result that are not text.
import type { AudioContent, ImageContent } from "@modelcontextprotocol/server";

/** A picture, from its bytes or their base64 text. `mimeType` is a type such as `image/png`. */
export const image = (data: Uint8Array | string, mimeType: string): ImageContent => ({
  type: "image",
  data: base64(data, "image"),
  mimeType,
});

/** A sound, from its bytes or their base64 text. `mimeType` is a type such as `audio/wav`. */
export const audio = (data: Uint8Array | string, mimeType: string): AudioContent => ({
  type: "audio",
  data: base64(data, "audio"),
  mimeType,
});

/** @throws TypeError for anything but bytes and base64 text */
function base64(data: unknown, helper: string): string {
  if (data instanceof Uint8Array) return Buffer.from(data).toString("base64");
  if (typeof data === "string" && /^[A-Za-z0-9+/]*={0,2}$/.test(data) && data.length % 4 === 0)
    return data;
  throw new TypeError(`${helper}: expected bytes (Uint8Array) or base64 text.`);
}

// Finds secrets in foreign text, in every usual spelling.

/** Characters that identify a piece of a secret: a shorter match may be an ordinary word. */
const PIECE = 8;

/**
 * The spellings of a secret: plain, percent-encoded, JSON, hexadecimal, and base64 at every offset in a longer text.
 */
export function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]);
    // Drop the first and the last characters: they hold bits of the text around the secret.
    const first = [0, 2, 3][before]!;
    const last = Math.floor((whole.length * 8) / 6);
    return [whole.toString("base64"), whole.toString("base64url")].map((text) =>
      text.slice(first, last),
    );
  });
  const everyByte = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
  return [
    ...[secret, encodeURIComponent(secret), everyByte, JSON.stringify(secret).slice(1, -1)],
    ...[bytes.toString("hex"), ...base64],
  ].filter((text) => text === secret || text.length >= PIECE);
}

/** Replace every piece of the secrets by `[key]`, regardless of case and of spaces in between. */
export function withoutPieces(text: string, secrets: readonly string[]): string {
  const pieces = new Set(secrets.flatMap((secret) => piecesOf(secret.toLowerCase())));
  const places = [...text.matchAll(/\S/g)].map(({ index }) => index);
  const dense = places.map((at) => lower(text[at]!)).join("");
  const lengths = [...new Set([...pieces].map(({ length }) => length))];
  let left = "";
  let from = 0;
  for (let at = 0; at < dense.length; at++) {
    const length = lengths.find((length) => pieces.has(dense.slice(at, at + length)));
    if (length === undefined) continue;
    const [start, end] = [places[at]!, places[at + length - 1]! + 1];
    if (start > from || from === 0) left += `${text.slice(from, start)}[key]`;
    from = Math.max(from, end);
  }
  return left + text.slice(from);
}

/** Lower case of one character, unless it becomes two, which would shift positions. */
const lower = (char: string): string => {
  const text = char.toLowerCase();
  return text.length === 1 ? text : char;
};

/** Pieces of a secret; a short secret is one piece. */
function piecesOf(text: string): string[] {
  const dense = text.replace(/\s/g, "");
  if (dense.length <= PIECE) return dense === "" ? [] : [dense];
  return Array.from({ length: dense.length - PIECE + 1 }, (_, at) => dense.slice(at, at + PIECE));
}

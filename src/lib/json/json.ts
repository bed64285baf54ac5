// Reads and writes JSON. Input is UTF-8 only, and not nested so deeply that walking through it would exhaust the stack.

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Characters that readers in several languages take for the end of a line. Escaped, they mean the same in JSON. */
const LINE_ENDS = /[\u0085\u2028\u2029]/;

/** Escape line ends in JSON text that is sent. */
export const withoutLineEnds = (json: string): string =>
  LINE_ENDS.test(json)
    ? json.replace(
        new RegExp(LINE_ENDS, "g"),
        (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
      )
    : json;

/** Write a message as JSON to be sent. */
export const toJson = (message: unknown): string => withoutLineEnds(JSON.stringify(message));

/** Parse with `parse`, or return an error whose message may be shown. */
export function parseJson(
  body: ArrayBuffer | Uint8Array,
  maxDepth: number,
  parse: (json: string) => unknown,
): { value: unknown } | Error {
  try {
    const text = decoder.decode(body);
    if (text.length > 2 * maxDepth && isDeep(text, maxDepth))
      return new Error(`The body is nested more than ${maxDepth} deep (the setting max-depth).`);
    return { value: parse(text) };
  } catch {
    return new Error("The body is not valid JSON.");
  }
}

/** True if brackets outside of strings nest too deeply. */
function isDeep(text: string, maxDepth: number): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === BACKSLASH) i++;
      else if (code === QUOTE) inString = false;
    } else if (code === QUOTE) inString = true;
    else if (code === OPEN_BRACKET || code === OPEN_BRACE) {
      if (++depth > maxDepth) return true;
    } else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) depth--;
  }
  return false;
}

const [QUOTE, BACKSLASH, OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [
  34, 92, 91, 93, 123, 125,
];

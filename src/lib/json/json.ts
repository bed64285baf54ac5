// JSON as it comes and goes. It is read strictly: UTF-8 only, and not nested so deeply that walking through it would
// exhaust the stack.

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Readers in several languages take these for the end of a line; escaped they mean the same to every reader of JSON. */
const LINE_ENDS = /[\u0085\u2028\u2029]/;

/** JSON text as it goes out. */
export const withoutLineEnds = (json: string): string =>
  LINE_ENDS.test(json)
    ? json.replace(
        new RegExp(LINE_ENDS, "g"),
        (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
      )
    : json;

/** A message as it goes out. */
export const toJson = (message: unknown): string => withoutLineEnds(JSON.stringify(message));

/** The value as `parse` gives it, or an error whose message may be shown. */
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

/** Whether brackets outside of strings nest too deeply. */
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

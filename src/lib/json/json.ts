// Writes JSON, and measures how deeply a text of JSON is nested.

/** Characters that readers in several languages take for the end of a line. Escaped, they mean the same in JSON. */
const LINE_ENDS = /[\u0085\u2028\u2029]/;

const withoutLineEnds = (json: string): string =>
  LINE_ENDS.test(json)
    ? json.replace(
        new RegExp(LINE_ENDS, "g"),
        (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
      )
    : json;

/**
 * Make JSON text that `JSON.stringify` wrote fit to be sent: line ends are escaped, and U+FFFD replaces each half of a
 * surrogate pair, for which strict readers refuse the whole message.
 */
export const wireJson = (json: string): string =>
  withoutLineEnds(
    json.includes("\\ud")
      ? json.replace(/\\(?:u(d[89a-f][0-9a-f]{2})|.)/g, (escape, half) =>
          half ? "\\ufffd" : escape,
        )
      : json,
  );

/** Write a message as JSON to be sent. */
export const toJson = (message: unknown): string => wireJson(JSON.stringify(message));

/** True if brackets outside of strings nest too deeply: walking through the value would exhaust the stack. */
export function isDeep(text: string, maxDepth: number): boolean {
  if (text.length <= 2 * maxDepth) return false;
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

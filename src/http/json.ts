// Reads a body as JSON, strictly: UTF-8 only, and not nested so deeply that walking through it would exhaust the stack.

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The value, or an error whose message may be shown. */
export function parseJson(
  body: ArrayBuffer | Uint8Array,
  maxDepth: number,
): { value: unknown } | Error {
  try {
    const text = decoder.decode(body);
    if (text.length > 2 * maxDepth && isDeep(text, maxDepth))
      return new Error(`The body is nested more than ${maxDepth} deep (the setting max-depth).`);
    return { value: JSON.parse(text) as unknown };
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

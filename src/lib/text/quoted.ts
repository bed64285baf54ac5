// Text of others inside a text that we put together, for models and for people: it is data, and can look like nothing else.
// One value is one line; what has several lines says so at each of them.

/** All that some reader takes for the end of a line. */
const LINE_BREAK = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/g;
/** What JSON leaves as it is, though it breaks lines, turns them round or is not seen. */
const UNSEEN = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
/** What needs no quotes: one word, such as a principal or a key. */
const WORD = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._@:/#+~-]*$/u;

/** As one quoted line. */
export const quoted = (text: string): string => JSON.stringify(text).replace(UNSEEN, escaped);

/** A name that is one word as it is; any other as one quoted line. */
export const wordOrQuoted = (text: string): string => (WORD.test(text) ? text : quoted(text));

/** JSON text, without what could look like the end of a line. */
export const jsonLine = (json: string): string => json.replace(UNSEEN, escaped);

/** Several lines, each but the first marked as the same text going on. */
export const goingOn = (text: string): string => text.replace(LINE_BREAK, "\n  | ");

/** In one line, where the breaks mean nothing. */
export const inOneLine = (text: string): string => text.replace(LINE_BREAK, " ");

const escaped = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

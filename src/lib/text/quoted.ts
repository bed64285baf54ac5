// Quotes foreign text inside our own, for models and for people, so that it cannot pass for anything but data. One
// value is one line; text of several lines is marked on each of them.

/** Everything that some reader takes for the end of a line. */
const LINE_BREAK = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/g;
/** Characters that JSON leaves unescaped, though they break lines, reverse text or are invisible. */
const UNSEEN = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
/** Text that needs no quotes: one word, such as a principal or a key. */
const WORD = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._@:/#+~-]*$/u;

/** Text as one quoted line. */
export const quoted = (text: string): string => JSON.stringify(text).replace(UNSEEN, escaped);

/** A single word unchanged; any other text as one quoted line. */
export const wordOrQuoted = (text: string): string => (WORD.test(text) ? text : quoted(text));

/** JSON text with everything escaped that could pass for the end of a line. */
export const jsonLine = (json: string): string => json.replace(UNSEEN, escaped);

/** Text of several lines, each but the first marked as a continuation. */
export const goingOn = (text: string): string => text.replace(LINE_BREAK, "\n  | ");

/** Text in one line, for texts in which line breaks mean nothing. */
export const inOneLine = (text: string): string => text.replace(LINE_BREAK, " ");

const escaped = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** A word for a shell. */
export const shellWord = (word: string): string =>
  /^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

// Signs that people search for: emoji, and the names of languages that end in signs.

export interface Sign {
  /** Its identity: `c++`, or an emoji without its variant. */
  sign: string;
  start: number;
  end: number;
}

const SIGN =
  /\p{RGI_Emoji}|\p{Emoji_Presentation}|\p{Extended_Pictographic}|(?<![\p{L}\p{N}])(?:c\+\+|[cfj]#)(?![\p{L}\p{N}])/giv;
/** Nearly all texts have none, and one look says so. */
const MAYBE = /[+#\u{A9}\u{AE}\u{203C}-\u{3299}\u{D83C}-\u{D83E}\u{1F000}-\u{1FAFF}]/u;

/** The signs of a text. */
export function* signs(text: string): Generator<Sign> {
  if (!MAYBE.test(text)) return;
  for (const match of text.matchAll(SIGN))
    yield {
      sign: match[0].toLowerCase().replaceAll("\u{FE0F}", ""),
      ...{ start: match.index, end: match.index + match[0].length },
    };
}

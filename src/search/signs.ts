// What has a meaning beside words: emoji, names of languages that end in signs, and numbers, whatever separates their digits.
// 1,284.50 and 1.284,50 and 1284.50 are the same digits.

export interface Sign {
  /** Its identity: `c++`, or an emoji without its variant. */
  sign: string;
  start: number;
  end: number;
}

/** Made at first use: the set of all emoji takes longer to build than anything else at the start of the program. */
let sign: RegExp | undefined;
const signPattern = (): RegExp =>
  (sign ??=
    /\p{RGI_Emoji}|\p{Emoji_Presentation}|\p{Extended_Pictographic}|(?<![\p{L}\p{N}])(?:c\+\+|[cfj]#)(?![\p{L}\p{N}])/giv);
/** Nearly all texts have none, and one look says so. */
const MAYBE = /[+#\u{A9}\u{AE}\u{203C}-\u{3299}\u{D83C}-\u{D83E}\u{1F000}-\u{1FAFF}]/u;

/** The signs of a text. */
export function* signs(text: string): Generator<Sign> {
  if (!MAYBE.test(text)) return;
  for (const match of text.matchAll(signPattern()))
    yield {
      sign: match[0].toLowerCase().replaceAll("\u{FE0F}", ""),
      ...{ start: match.index, end: match.index + match[0].length },
    };
}

export interface Span {
  text: string;
  start: number;
  end: number;
}

const SEPARATED = /\d+(?:[.,'’\u{A0}\u{202F}]\d+|[ \u{A0}\u{202F}]\d{3,})*/gu;

/** The numbers of a text, with their separators. */
export function* numbers(text: string): Generator<Span> {
  for (const match of text.matchAll(SEPARATED))
    yield { text: match[0], start: match.index, end: match.index + match[0].length };
}

export const digitsOf = (number: string): string => number.replaceAll(/\D/g, "");

/** The digits of a number; without its decimals, too, where it has some. */
export function valuesOf(number: string): string[] {
  const whole = /^(.*\d)[.,]\d{1,2}$/su.exec(number)?.[1];
  return whole === undefined ? [digitsOf(number)] : [digitsOf(number), digitsOf(whole)];
}

// Numbers in texts, whatever separates their digits: 1,284.50 and 1.284,50 and 1284.50 are the same digits.

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

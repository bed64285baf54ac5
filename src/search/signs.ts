// What has a meaning beside words: emoji, names of languages that end in signs, bank accounts, and numbers, whatever separates
// their digits and in whatever script they stand. 1,284.50 and 1.284,50 and 1284.50 are the same digits.

export interface Sign {
  /** Its identity: `c++`, an emoji without its variant and skin, an account without spaces. */
  sign: string;
  start: number;
  end: number;
}

/** Made at first use: the set of all emoji takes longer to build than anything else at the start of the program. */
let sign: RegExp | undefined;
const signPattern = (): RegExp =>
  (sign ??=
    /\p{RGI_Emoji}|\p{Emoji_Presentation}|\p{Extended_Pictographic}|(?<![\p{L}\p{N}])(?:c\+\+|[cfj]#|[a-z]{2}\d\d(?: ?[a-z\d]{4}){2,7}(?: ?\d{1,3})?)(?![\p{L}\p{N}])/giv);
/** Nearly all texts have none, and one look says so. */
const MAYBE =
  /[+#\u{A9}\u{AE}\u{203C}-\u{3299}\u{D83C}-\u{D83E}\u{1F000}-\u{1FAFF}]|(?<=[A-Za-z]{2})\d\d ?[A-Za-z\d]{4}/u;
const ACCOUNT = /^[a-z]{2}\d\d/;
const VARIANT = /(?<=.)(?:\u{FE0F}|\p{Emoji_Modifier})/gu;

/** The signs of a text. */
export function* signs(text: string): Generator<Sign> {
  if (!MAYBE.test(text)) return;
  for (const match of text.matchAll(signPattern())) {
    const found = match[0].toLowerCase().replaceAll(VARIANT, "").replaceAll(" ", "");
    if (ACCOUNT.test(found) && !isAccount(found)) continue;
    yield { sign: found, start: match.index, end: match.index + match[0].length };
  }
}

/** True for an international bank account number: its digits, with letters as numbers, leave 1 when divided by 97. */
const isAccount = (code: string): boolean =>
  Array.from(code.slice(4) + code.slice(0, 4)).reduce(
    (rest, character) => Number(`${rest}${Number.parseInt(character, 36)}`) % 97,
    0,
  ) === 1;

/** A number in a text, or a part of one. */
export interface NumberSpan {
  /** The digits, without separators. */
  digits: string;
  start: number;
  end: number;
  /** False for a part that a longer number may begin or end with by chance, such as 234 of 1,234. */
  isWhole: boolean;
  /** True if one number has all of the digits; otherwise they may be parts of a code, such as a telephone number. */
  isOne: boolean;
}

interface Group {
  digits: string;
  start: number;
  end: number;
  /** The separator before the group; "" for the first one. */
  behind: string;
}

/** Separators inside of one number, spaces that may be some, and separators inside of a code. */
const TIGHT = /^[.,'’٫٬]$/;
const SPACE = /^[ \u{A0}\u{202F}]$/u;
const LOOSE = /^(?:[/‐‑–-]|[ \u{A0}]?\(|\)[ \u{A0}-]?)$/u;
const GROUPS = /\p{Nd}+/gu;

/** Chains of more groups are tables: there, each number stands by itself. */
const MAX_GROUPS = 8;
/** Digits of a code. */
const MIN_CODE = 6;
const MAX_CODE = 24;

/** Groups of digits that only separators part. */
function* chains(text: string): Generator<Group[]> {
  let chain: Group[] = [];
  for (const match of text.matchAll(GROUPS)) {
    const [start, end] = [match.index, match.index + match[0].length];
    const last = chain.at(-1);
    const behind = last === undefined ? "" : text.slice(last.end, Math.min(start, last.end + 3));
    const joins = TIGHT.test(behind) || SPACE.test(behind) || LOOSE.test(behind);
    if (last !== undefined && !joins) {
      yield* ofFewGroups(chain);
      chain = [];
    }
    chain.push({ digits: digitsOf(match[0]), start, end, behind: joins ? behind : "" });
  }
  if (chain.length > 0) yield* ofFewGroups(chain);
}

function* ofFewGroups(chain: Group[]): Generator<Group[]> {
  if (chain.length <= MAX_GROUPS) {
    yield chain;
    return;
  }
  let some: Group[] = [];
  for (const group of chain) {
    if (some.length > 0 && (!TIGHT.test(group.behind) || some.length === MAX_GROUPS)) {
      yield some;
      some = [];
    }
    some.push(group);
  }
  yield some;
}

/** True for a separator inside of one number. A space is one only before three digits: 2 499, but not 5 12. */
const isInNumber = ({ behind, digits }: Group): boolean =>
  TIGHT.test(behind) || (SPACE.test(behind) && (behind !== " " || digits.length >= 3));

/** All that somebody may search for in the numbers of a text; only those of which all beginnings are wanted. */
export function* numbers(
  text: string,
  isWanted: (beginning: string) => boolean = () => true,
): Generator<NumberSpan> {
  for (const chain of chains(text)) {
    for (const [from, first] of chain.entries()) {
      let [digits, isOne] = ["", true];
      for (let at = from; at < chain.length; at++) {
        const group = chain[at]!;
        digits += group.digits;
        isOne &&= at === from || isInNumber(group);
        if ((digits.length > MAX_CODE && !isOne) || !isWanted(digits)) break;
        if (!isOne && digits.length < MIN_CODE) continue;
        const isWhole = !TIGHT.test(first.behind) && endsBehind(chain, at);
        yield { digits, start: first.start, end: group.end, isWhole, isOne };
      }
    }
  }
}

/** True if the number may end with this group: only decimals follow, or another number. */
function endsBehind(chain: readonly Group[], at: number): boolean {
  const [next, afterNext] = [chain[at + 1], chain[at + 2]];
  if (next === undefined || !TIGHT.test(next.behind)) return true;
  const isLast = afterNext === undefined || !TIGHT.test(afterNext.behind);
  return isLast && next.digits.length <= 2;
}

/** The numbers of a query as it means them: the longest ones, and codes as a whole beside their parts. */
export function* askedNumbers(query: string): Generator<NumberSpan & { groups: string[] }> {
  const span = (groups: readonly Group[], isOne: boolean) => ({
    ...{ digits: groups.map(({ digits }) => digits).join(""), isOne, isWhole: true },
    ...{ start: groups[0]!.start, end: groups.at(-1)!.end },
    groups: groups.map(({ digits }) => digits),
  });
  for (const chain of chains(query)) {
    let some: Group[] = [];
    for (const group of chain) {
      if (some.length > 0 && !isInNumber(group)) {
        yield span(some, true);
        some = [];
      }
      some.push(group);
    }
    yield span(some, true);
    const all = span(chain, false);
    if (some.length === chain.length || all.digits.length > MAX_CODE) continue;
    if (all.digits.length >= MIN_CODE) yield all;
  }
}

const ASCII_DIGITS = /^[0-9]*$/;
const known = new Map<string, string>();

/** Digits of any script as 0 to 9. */
export const digitsOf = (digits: string): string =>
  ASCII_DIGITS.test(digits) ? digits : Array.from(digits, digitOf).join("");

function digitOf(character: string): string {
  let digit = known.get(character);
  if (digit !== undefined) return digit;
  digit = character.normalize("NFKC");
  if (!ASCII_DIGITS.test(digit)) digit = String(valueOf(digit.codePointAt(0)!));
  known.set(character, digit);
  return digit;
}

/** The digits of a script follow each other from zero on, and those of another may follow them. */
function valueOf(code: number): number {
  let before = 0;
  while (isDigit(code - before - 1)) before += 1;
  return before % 10;
}

const isDigit = (code: number): boolean => /\p{Nd}/u.test(String.fromCodePoint(code));

// Simplified and traditional Chinese: the other spelling of each character, from the table of OpenCC. The table is loaded at the
// first search for Chinese characters. The index holds what was written, so a search looks for the spellings that there are.

const HAN = /\p{sc=Han}/u;
/** Maximum number of other spellings of one phrase: some simplified characters stand for several traditional ones. */
const MAX_SPELLINGS = 8;

let simplified: ReadonlyMap<string, string> | undefined;
let traditional: ReadonlyMap<string, readonly string[]> = new Map();

/** To be awaited before a search. */
export async function loadChinese(query: string): Promise<void> {
  if (simplified !== undefined || !HAN.test(query)) return;
  const { default: table } = await import("opencc-js/dict/TSCharacters");
  const pairs = table.split("|").map((pair) => pair.split(" ") as [string, string]);
  simplified = new Map(pairs);
  const written = Map.groupBy(pairs, ([, to]) => to).entries();
  traditional = new Map(written.map(([to, from]) => [to, from.map(([one]) => one)]));
}

/** A character in simplified Chinese. */
export const simplify = (character: string): string => simplified?.get(character) ?? character;

/** True for the same character, also where one is written as in simplified Chinese. */
export const areSpellings = (a: string, b: string): boolean =>
  a === b || simplify(a) === b || simplify(b) === a;

/** All spellings of a character, its own first. */
export const spellingsOf = (character: string): ReadonlySet<string> =>
  new Set([character, simplify(character), ...(traditional.get(character) ?? [])]);

/** The other spellings of adjacent characters: all simplified, or all traditional. */
export function otherSpellings(characters: readonly string[]): string[][] {
  let spellings: string[][] = [[]];
  for (const character of characters) {
    const written = traditional.get(character) ?? [character];
    spellings = spellings
      .flatMap((before) => written.map((one) => [...before, one]))
      .slice(0, MAX_SPELLINGS);
  }
  const own = characters.join("");
  const all = new Map([characters.map(simplify), ...spellings].map((one) => [one.join(""), one]));
  all.delete(own);
  return [...all.values()];
}

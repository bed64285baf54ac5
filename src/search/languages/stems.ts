// Word forms in many languages, by Snowball's algorithms: the stems that a word may have. Not here: the English stems of the index
// (stem.ts). The library is loaded at the first search.
import { LRUCache } from "lru-cache";
import { fold } from "../words.ts";
import type { CommonLanguage } from "./common-words.ts";
import { stem } from "./stem.ts";

type Stemmer = (word: string) => string;

const MAX_REMEMBERED = 20_000; // words
const MAX_WORD = 40; // characters; longer words have no forms

let loaded: Record<string, Stemmer> | undefined;

/** To be awaited before a search. */
export async function loadStemmers(): Promise<void> {
  if (loaded !== undefined) return;
  const modules = await Promise.all([
    import("@orama/stemmers/german"),
    import("@orama/stemmers/french"),
    import("@orama/stemmers/spanish"),
    import("@orama/stemmers/portuguese"),
    import("@orama/stemmers/italian"),
    import("@orama/stemmers/dutch"),
    import("@orama/stemmers/swedish"),
    import("@orama/stemmers/turkish"),
    import("@orama/stemmers/russian"),
    import("@orama/stemmers/ukrainian"),
    import("@orama/stemmers/arabic"),
    import("@orama/stemmers/greek"),
    import("@orama/stemmers/indian"),
    import("@orama/stemmers/english"),
  ]);
  const names = [
    "de",
    "fr",
    "es",
    "pt",
    "it",
    "nl",
    "sv",
    "tr",
    "ru",
    "uk",
    "ar",
    "el",
    "hi",
    "en",
  ];
  loaded = Object.fromEntries(names.map((name, i) => [name, modules[i]!.stemmer]));
}

/** Languages of a Latin word in a query that does not tell its language. */
const USUAL = ["en", "de", "fr", "es", "pt", "it", "nl"];
const OTHER_SCRIPTS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/\p{sc=Cyrillic}/u, ["ru", "uk"]],
  [/\p{sc=Arabic}/u, ["ar"]],
  [/\p{sc=Greek}/u, ["el"]],
  [/\p{sc=Devanagari}/u, ["hi"]],
];

/** Languages with forms that only common beginnings tell. */
const WITHOUT_STEMMER = new Set<string>(["pl"]);

/** True for a word of which others that begin alike may be forms, because no stemmer knows its language. */
export const formsByBeginning = (word: string, languages: readonly CommonLanguage[]): boolean =>
  /\p{sc=Latin}/u.test(word)
    ? languages.length === 0 || languages.some((language) => WITHOUT_STEMMER.has(language))
    : !OTHER_SCRIPTS.some(([script]) => script.test(word));

const remembered = new LRUCache<string, readonly string[]>({ max: MAX_REMEMBERED });

/** The stems of a word in small letters, folded, each with its language; empty before the library is loaded. */
export function stemsOf(word: string, languages: readonly CommonLanguage[]): readonly string[] {
  if (loaded === undefined || word.length < 3 || word.length > MAX_WORD) return [];
  const chosen = OTHER_SCRIPTS.find(([script]) => script.test(word))?.[1] ?? latin(languages);
  const key = `${chosen.join()} ${word}`;
  let stems = remembered.get(key);
  if (stems === undefined) {
    stems = chosen.flatMap((language) => {
      const stemmer = loaded![language];
      return stemmer === undefined ? [] : [`${language} ${fold(stemmer(word))}`];
    });
    if (/^[a-z]+$/.test(word)) stems = [...stems, `porter ${stem(word)}`];
    remembered.set(key, stems);
  }
  return stems;
}

const latin = (languages: readonly CommonLanguage[]): readonly string[] => {
  const known = languages.filter((language) => language !== "ru" && language !== "ar");
  return known.length === 0 ? USUAL : known;
};

// Titles in a search: those that it demands, and those that have words of it.
import type { SearchScope } from "../../chat/store.ts";
import { simplify } from "../../search/languages/chinese.ts";
import { Matcher } from "../../search/matches.ts";
import type { Term } from "../../search/terms.ts";
import { cut, foldFurther } from "../../search/words.ts";
import type { SearchRows } from "./rows.ts";

/** Maximum number of sessions that are searched for their titles. */
const MAX_LIKED = 20;
/** Maximum number of sessions that a demanded title leaves. */
const MAX_ONLY = 500;
const MIN_QUALITY = 0.8;
/** Letters of a word that a title must have to be compared. */
const BEGINNING = 3;

export interface Titled {
  /** Ids of the sessions whose titles have what is demanded; undefined without a demand. */
  only: string[] | undefined;
  /** Titles of sessions by id, which have words of the query. */
  liked: ReadonlyMap<string, string>;
  /** Keys of the terms that they have: somebody has written these, so they are no typing mistakes. */
  inTitles: ReadonlySet<string>;
}

const NONE: Titled = { only: undefined, liked: new Map(), inTitles: new Set() };

/** Undefined if no session has what is demanded. */
export async function sessionsTitled(
  rows: SearchRows,
  scope: SearchScope,
  terms: readonly Term[],
  demanded: readonly string[],
): Promise<Titled | undefined> {
  const wanted = demanded.map(plain).filter((one) => one !== "");
  const fits = (title: string): boolean => wanted.every((one) => plain(title).includes(one));
  if ("session" in scope) {
    if (wanted.length === 0) return NONE;
    return fits((await rows.titleOf(scope.session)) ?? "") ? NONE : undefined;
  }
  if (wanted.length > 0) {
    const titles = await rows.titles(scope.principal, [ascii(demanded[0]!)]);
    const only = titles.filter(({ title }) => fits(title)).map(({ id }) => id);
    return only.length === 0 ? undefined : { ...NONE, only: only.slice(0, MAX_ONLY) };
  }
  const words = terms.filter(({ common, word, key }) => !common && (word ?? key).length > 1);
  if (words.length === 0) return NONE;
  const parts = words.map(({ word, key }) => ascii((word ?? key).slice(0, BEGINNING)));
  const titles = await rows.titles(scope.principal, parts.filter(Boolean));
  return { only: undefined, ...likedOf(titles, words) };
}

function likedOf(
  titles: readonly { id: string; title: string }[],
  terms: readonly Term[],
): Pick<Titled, "liked" | "inTitles"> {
  const matcher = new Matcher(terms);
  const beginnings = terms.map(({ word, key }) => {
    const beginning = Array.from(foldFurther(word ?? key)).slice(0, BEGINNING);
    return beginning.map(simplify).join("");
  });
  const scored = titles.flatMap(({ id, title }) => {
    const folded = plain(title);
    if (!beginnings.some((one) => folded.includes(one))) return [];
    const matches = [...matcher.find(title)].filter(({ quality }) => quality >= MIN_QUALITY);
    const found = new Set(matches.map(({ term }) => term));
    return found.size === 0 ? [] : [{ id, title, found }];
  });
  const inTitles = new Set<string>();
  const best = scored.toSorted((a, b) => b.found.size - a.found.size).slice(0, MAX_LIKED);
  for (const { found } of best) for (const term of found) inTitles.add(terms[term]!.key);
  return { liked: new Map(best.map(({ id, title }) => [id, title])), inTitles };
}

/** The words of a text, comparable. */
const plain = (text: string): string => {
  let result = "";
  let end = -1;
  for (const word of cut(text)) {
    result += (word.unspaced && word.start === end ? "" : " ") + simplify(foldFurther(word.text));
    end = word.end;
  }
  return result.trim();
};

/** Leaves out what a comparison in the database could not find: it knows no accents. */
const ascii = (text: string): string => /^[ -~]*/.exec(text)![0];

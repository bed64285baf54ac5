// Messages and queries in PostgreSQL's full-text types. The words are this project's own (search/words.ts), with no dictionary of
// PostgreSQL's: a message is found by the same words on every engine.
import { stem } from "../../../search/languages/stem.ts";
import type { PartsLookup } from "../../../search/parts.ts";
import { indexed } from "../../../search/words.ts";
import type { Atom, Lookup } from "../../search/rows.ts";

/** PostgreSQL's limits: 2 KB a word, 1 MB of words and positions, positions from 1 to 16,383. */
const MAX_WORD = 600; // code units
const MAX_BYTES = 900_000;
const POSITIONS = 16_382;
const POSITION_BYTES = 2;

const ASCII = /^[\x00-\x7F]*$/;

/** The words of a text as a `tsvector`. */
export function wordsOf(text: string): string {
  const { words } = indexed(text);
  // Only phrases of scripts without spaces need positions.
  const positioned = !ASCII.test(words);
  const found = new Map<string, string>();
  let bytes = 0;
  let n = 0;
  for (const [word] of words.matchAll(positioned ? /[^ ]+/g : /[0-9A-Za-z]+/g)) {
    const lexeme = lexemeOf(word);
    const before = found.get(lexeme);
    bytes += (before === undefined ? Buffer.byteLength(lexeme) : 0) + POSITION_BYTES;
    if (bytes > MAX_BYTES) break;
    // Two words that follow each other have positions that do, also in a text of any length.
    const position = positioned ? String((n % POSITIONS) + 1) : "";
    found.set(
      lexeme,
      before === undefined ? position : before === "" ? "" : `${before},${position}`,
    );
    n += 1;
  }
  return [...found]
    .map(([word, at]) => (at === "" ? quoted(word) : `${quoted(word)}:${at}`))
    .join(" ");
}

/** A query for messages with one of the tokens and all that is looked up. */
export function queryOf(
  tokens: readonly string[],
  all: readonly Lookup[],
  without: Lookup,
): string {
  const whose = `(${tokens.map(quoted).join(" | ")})`;
  const not = without.length === 0 ? [] : [`!${anyOf(without)}`];
  return [whose, ...all.map(anyOf), ...not].join(" & ");
}

/** A query of the second index, and one for the messages that may be found. */
export function partsQuery(
  tokens: readonly string[],
  lookup: PartsLookup,
): { parts: string; whose: string } {
  return {
    parts: lookup.map((all) => `(${all.map(quoted).join(" & ")})`).join(" | "),
    whose: tokens.map(quoted).join(" | "),
  };
}

const anyOf = (lookup: Lookup): string => `(${lookup.map(atom).join(" | ")})`;

function atom(one: Atom): string {
  if ("prefix" in one) return `${quoted(lexemeOf(one.prefix))}:*`;
  if ("pairs" in one) return `(${one.pairs.map((pair) => quoted(lexemeOf(pair))).join(" <-> ")})`;
  // The words of an ASCII text have no positions.
  return `(${one.words.map((word) => quoted(lexemeOf(word))).join(" & ")})`;
}

const lexemeOf = (word: string): string => stem(word.toLowerCase()).slice(0, MAX_WORD);

export const quoted = (word: string): string =>
  `'${word.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;

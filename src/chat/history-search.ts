// Search in conversations: checks the query, and returns the matching part of each found message.
import { setImmediate as nextTurn } from "node:timers/promises";
import { AppError, toAppError } from "../lib/errors.ts";
import { parsedJson } from "../lib/json/parsed.ts";
import { checkIsText } from "../lib/text/text.ts";
import { loadChinese } from "../search/languages/chinese.ts";
import { loadStemmers } from "../search/languages/stems.ts";
import { type Match, Matcher } from "../search/matches.ts";
import { phraseTest } from "../search/phrases.ts";
import { snippet } from "../search/snippet.ts";
import { type Term, terms } from "../search/terms.ts";
import type { Role } from "./message.ts";
import { parseQuery, type SearchArguments, type SearchQuery } from "./search-query.ts";
import type {
  FactRow,
  FactStore,
  Found,
  HistoryStore,
  MeaningSearch,
  SearchScope,
} from "./store.ts";

const MAX_QUERY_CHARACTERS = 1_000;
/** Messages that are near in meaning, for each wanted one: filters leave some out. */
const MEANING_FACTOR = 3;
/** The usual constant of reciprocal rank fusion. */
const RANK_CONSTANT = 60;
/** Maximum number of facts that are compared. */
const MAX_FACTS = 1_000;
/** Candidates per word: only the newest messages with a very frequent word are ranked. */
const AMONG = 3_000;

export interface Hit {
  session: string;
  /** The session's title. */
  title: string | null;
  seq: number;
  role: Role;
  /** The message's author, as in `Message`. */
  author: string | null;
  /** Time at which the message was stored, in milliseconds. */
  createdAt: number;
  /** One line around the matches, which stand between `**`. */
  snippet: string;
  /** Higher is better: 1 for the best, a half for the next, a third … */
  score: number;
}

/** A fact that was found, with the plain text of its value. */
export interface FoundFact extends Omit<FactRow, "value"> {
  value: string;
}

export class HistorySearch {
  readonly #store: Pick<HistoryStore, "search">;
  readonly #facts: FactStore | undefined;
  readonly #meaning: MeaningSearch | undefined;

  constructor(store: Pick<HistoryStore, "search">, facts?: FactStore, meaning?: MeaningSearch) {
    this.#store = store;
    this.#facts = facts;
    this.#meaning = meaning;
  }

  /**
   * The best `limit` messages with any of the words, the best first; see search-query.ts for the syntax. Text of a script without
   * spaces is first searched as a whole, then by each two of its characters.
   * @throws AppError `invalid` for a query with nothing to search for, one that is too long, or a time that is none
   */
  async search(
    scope: SearchScope,
    query: string,
    limit: number,
    more: SearchArguments = {},
    onNotice: (notice: string) => void = () => undefined,
  ): Promise<Hit[]> {
    const parsed = checked(query, more);
    const byMeaning = this.#byMeaning(scope, parsed, limit, onNotice);
    const found = await this.#byWords(scope, parsed, limit);
    const words = terms([parsed.text, ...parsed.phrases].join("\n"), {
      ...{ loose: found.loose, open: true },
    });
    const best = fused(found.hits, await byMeaning).slice(0, limit);
    const highlighter = new Highlighter(words);
    return mapInPieces(best, (one, at) => hit(one, highlighter, at));
  }

  async #byWords(
    scope: SearchScope,
    { text, ...wanted }: SearchQuery,
    limit: number,
  ): Promise<{ hits: Found[]; loose: boolean }> {
    for (const loose of [false, true]) {
      const options = { ...wanted, limit, among: AMONG, loose, open: true };
      const found = await this.#store.search(scope, text, options);
      const words = terms([text, ...wanted.phrases].join("\n"), { loose, open: true });
      if (found.length > 0) return { hits: found, loose };
      if (words.every(({ characters = [] }) => characters.length < 3)) break;
    }
    return { hits: [], loose: true };
  }

  /** Nothing where the query demands words or a title, or the endpoint is away. */
  async #byMeaning(
    scope: SearchScope,
    { text, phrases, excluded, filters }: SearchQuery,
    limit: number,
    onNotice: (notice: string) => void,
  ): Promise<Found[]> {
    if (this.#meaning === undefined || phrases.length > 0 || filters.title !== undefined) return [];
    if (terms(text).length === 0) return [];
    const { role, since = 0, until = Infinity } = filters;
    const hasExcluded = excluded.map((one) => phraseTest([one]));
    try {
      const found = await this.#meaning.find(scope, text, limit * MEANING_FACTOR);
      return found.filter(
        ({ message }) =>
          (role === undefined || message.role === role) &&
          message.createdAt >= since &&
          message.createdAt < until &&
          !hasExcluded.some((has) => has(message.content)),
      );
    } catch (error) {
      const known = toAppError(error);
      if (known.code !== "model") throw error;
      onNotice(`Searched by words alone: ${known.message}`);
      return [];
    }
  }

  /** Facts of the scope's states for the same query; none where it asks for messages of a role or a time. */
  async facts(
    scope: SearchScope,
    query: string,
    limit: number,
    more: SearchArguments = {},
  ): Promise<FoundFact[]> {
    const { text, phrases, excluded, filters } = checked(query, more);
    const { title = [], ...others } = filters;
    const isOfMessages = Object.values(others).some((value) => value !== undefined);
    if (this.#facts === undefined || isOfMessages || title.length > 0) return [];
    await Promise.all([loadStemmers(), loadChinese(query)]);
    const rows = await this.#facts.recent(scope, MAX_FACTS);
    const has = phraseTest(phrases);
    const hasExcluded = excluded.map((one) => phraseTest([one]));
    const allowed = rows.filter(({ key, value }) => {
      const all = `${key} ${value}`;
      return has(all) && !hasExcluded.some((test) => test(all));
    });
    return bestFacts(allowed, [text, ...phrases].join("\n"), limit);
  }
}

/** Reciprocal rank fusion: each list gives a message the more, the higher it stands there. */
function fused(words: readonly Found[], meaning: readonly Found[]): Found[] {
  if (meaning.length === 0) return [...words];
  const all = new Map<string, Found & { score: number }>();
  for (const list of [words, meaning]) {
    for (const [rank, one] of list.entries()) {
      const key = `${one.session} ${one.message.seq}`;
      const before = all.get(key)?.score ?? 0;
      all.set(key, { ...one, score: before + 1 / (RANK_CONSTANT + rank) });
    }
  }
  return [...all.values()].toSorted((a, b) => b.score - a.score);
}

/** At least this part of a query's words must be in a fact. */
const MIN_COVERED = 0.5;
const MIN_QUALITY = 0.6;

/** The facts with most of the words, in their keys or values, the best first. */
function bestFacts(rows: readonly FactRow[], query: string, limit: number): FoundFact[] {
  const words = terms(query, { open: true }).filter(({ common }) => !common);
  if (words.length === 0) return [];
  const matcher = new Matcher(words);
  const scored = rows.flatMap((row) => {
    const value = plainValue(row.value);
    const found = new Map<number, number>();
    for (const { term, quality } of matcher.find(`${row.key} ${value}`))
      if (quality >= MIN_QUALITY) found.set(term, Math.max(found.get(term) ?? 0, quality));
    const score = found.values().reduce((sum, quality) => sum + quality, 0) / words.length;
    return found.size / words.length < MIN_COVERED ? [] : [{ ...row, value, score }];
  });
  return scored
    .toSorted((a, b) => b.score - a.score || b.updatedAt - a.updatedAt)
    .slice(0, limit)
    .map(({ score: _, ...fact }) => fact);
}

/** Text as it is, other JSON as JSON. */
function plainValue(json: string): string {
  const value = parsedJson(json); // none for only the beginning of a long value
  return typeof value === "string" ? value : json;
}

/** The parts of a query that can be searched for. */
function checked(query: string, more: SearchArguments): SearchQuery {
  checkIsText("query", query);
  if (query.length > MAX_QUERY_CHARACTERS) {
    throw new AppError(
      "invalid",
      `query: ${query.length} characters are too many; at most ${MAX_QUERY_CHARACTERS} are searched for.`,
      { hint: "Search for the few words that matter." },
    );
  }
  const parsed = parseQuery(query, more);
  const { text, phrases, excluded, filters } = parsed;
  if (terms([text, ...phrases].join("\n")).length === 0 && Object.keys(filters).length === 0) {
    if (excluded.length > 0)
      throw new AppError(
        "invalid",
        "query: expected a word to look for, beside those to leave out.",
        {
          hint: `A word with a dash is looked for in quotes: ${JSON.stringify(`-${excluded[0]}`)}.`,
        },
      );
    throw new AppError("invalid", "query: expected at least one word.", {
      hint: "Punctuation is not searched for. The newest messages can be read without a search.",
    });
  }
  return parsed;
}

/** Finds what to mark in a text: the terms, and words with a typing mistake where a term is not found otherwise. */
class Highlighter implements Pick<Matcher, "find"> {
  readonly #exact: Matcher;
  readonly #mistyped: Matcher;

  constructor(words: readonly Term[]) {
    this.#exact = new Matcher(words);
    this.#mistyped = new Matcher(words, new Set(words.keys()));
  }

  *find(text: string): Generator<Match> {
    let any = false;
    for (const match of this.#exact.find(text)) {
      any = true;
      yield match;
    }
    if (!any) yield* this.#mistyped.find(text);
  }
}

const hit = (
  { session, title, message }: Found,
  matcher: Pick<Matcher, "find">,
  at: number,
): Hit => ({
  session,
  title,
  seq: message.seq,
  role: message.role,
  author: message.author,
  createdAt: message.createdAt,
  snippet: snippet(message.content, matcher),
  // Score by rank: a raw score would tell how much other principals have stored.
  score: Number((1 / (at + 1)).toFixed(3)),
});

/** Maximum time without a pause for other calls, in milliseconds. */
const PIECE_MS = 10;

/** Maps in batches, and lets other calls run between two batches. */
async function mapInPieces<T, R>(
  items: readonly T[],
  act: (item: T, index: number) => R,
): Promise<R[]> {
  const results: R[] = [];
  let began = performance.now();
  for (const [index, item] of items.entries()) {
    results.push(act(item, index));
    if (performance.now() - began < PIECE_MS) continue;
    await nextTurn();
    began = performance.now();
  }
  return results;
}

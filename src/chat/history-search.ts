// Search in conversations: checks the query, and returns the matching part of each found message.
import { setImmediate as nextTurn } from "node:timers/promises";
import { AppError } from "../lib/errors.ts";
import { type Match, Matcher } from "../search/matches.ts";
import { snippet } from "../search/snippet.ts";
import { type Term, terms } from "../search/terms.ts";
import type { Role } from "./message.ts";
import { parseQuery, type SearchArguments, type SearchQuery } from "./search-query.ts";
import type { Found, HistoryStore, SearchScope } from "./store.ts";

const MAX_QUERY_CHARACTERS = 1_000;
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
  /** One line around the matches, which stand between `**`. */
  snippet: string;
  /** Higher is better: 1 for the best, a half for the next, a third … */
  score: number;
}

export class HistorySearch {
  readonly #store: Pick<HistoryStore, "search">;

  constructor(store: Pick<HistoryStore, "search">) {
    this.#store = store;
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
  ): Promise<Hit[]> {
    const { text, ...wanted } = checked(query, more);
    for (const loose of [false, true]) {
      const options = { ...wanted, limit, among: AMONG, loose, open: true };
      const found = await this.#store.search(scope, text, options);
      const words = terms([text, ...wanted.phrases].join("\n"), { loose, open: true });
      const highlighter = new Highlighter(words);
      if (found.length > 0) return mapInPieces(found, (one, at) => hit(one, highlighter, at));
      if (words.every(({ characters = [] }) => characters.length < 3)) break;
    }
    return [];
  }
}

/** The parts of a query that can be searched for. */
function checked(query: string, more: SearchArguments): SearchQuery {
  if (query.length > MAX_QUERY_CHARACTERS) {
    throw new AppError(
      "invalid",
      `query: ${query.length} characters are too many; at most ${MAX_QUERY_CHARACTERS} are searched for.`,
      { hint: "Search for the few words that matter." },
    );
  }
  const parsed = parseQuery(query, more);
  const { text, phrases, filters } = parsed;
  if (terms([text, ...phrases].join("\n")).length === 0 && Object.keys(filters).length === 0) {
    throw new AppError("invalid", "query: expected at least one word.", {
      hint: "Punctuation is not searched for. history_get reads the newest messages.",
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

// Search in SQLite. The index gives the newest messages with a term, up to a bound, and this file ranks them. SQLite's
// bm25() would count every message with the word first, which takes more than a second in a million messages.
import type { Found, HistoryStore, SearchOptions, SearchScope } from "../../../chat/store.ts";
import { once } from "../../../lib/once.ts";
import { ranked, weightOf } from "../../../search/ranking.ts";
import { type Term, terms } from "../../../search/terms.ts";
import type { Engine } from "../engine/engine.ts";
import { ownerToken, sessionToken } from "./search-index.ts";
import { searchRows } from "./search-rows.ts";

/** Maximum number of candidates for all terms together. */
const MAX_MATCHES = 5_000;
/** Maximum number of candidates whose text is read, those with the most and the rarest terms. */
const MAX_READ = 100;

/** Maximum number of newest messages that are counted, to tell common terms from rare ones. */
const MAX_COUNTED = 5_000;

/** Maximum number of common terms that are also searched for together, the rarest of them. */
const MAX_TOGETHER = 3;

/** A message with some of the terms. */
interface Candidate {
  id: number;
  has: Set<number>;
  weight: number;
}

export function sqliteSearch(engine: Engine): HistoryStore["search"] {
  const rows = searchRows(engine);

  /**
   * Returns a function that estimates the number of the scope's messages from the newest back to an id; by default, to the
   * first. Ids do not measure that: they count everybody's messages.
   */
  function counter(scope: SearchScope, whose: string): (id?: number) => number {
    if ("session" in scope) {
      const { session } = scope;
      return (id) => rows.lastSeq(session) - (id === undefined ? 0 : rows.seqOf(id) - 1);
    }
    const own = once(() =>
      rows.matching(whose, { below: Number.MAX_SAFE_INTEGER, depth: MAX_COUNTED }),
    );
    return (from = 0) => {
      const older = own().findIndex((id) => id < from);
      return older === -1 ? own().length : older;
    };
  }

  function candidates(
    scope: SearchScope,
    terms: readonly Term[],
    { before, among, except }: SearchOptions,
  ): { found: Candidate[]; weights: number[] } {
    const start = "session" in scope && before !== undefined && rows.idOf(scope.session, before);
    const below = start || Number.MAX_SAFE_INTEGER;
    const depth = Math.min(among, Math.ceil(MAX_MATCHES / terms.length));
    const whose = `scope : (${tokens(scope).join(" OR ")})`;
    const having = (wanted: readonly Term[]): number[] =>
      rows.matching([whose, ...wanted.map(phrase)].join(" AND "), { below, depth, except });

    const messagesFrom = counter(scope, whose);
    const lists = terms.map((term) => having([term]));
    const weights = lists.map((ids) => {
      if (ids.length === 0) return 0;
      if (terms.length === 1) return 1; // nothing to weigh it against
      const seen = ids.length < depth ? undefined : ids.at(-1);
      return weightOf(ids.length, messagesFrom(seen));
    });
    const found = new Map<number, Candidate>();
    const note = (id: number, term: number): void => {
      let candidate = found.get(id);
      if (candidate === undefined) found.set(id, (candidate = { id, has: new Set(), weight: 0 }));
      if (candidate.has.has(term)) return;
      candidate.has.add(term);
      candidate.weight += weights[term]!;
    };
    for (const [term, ids] of lists.entries()) for (const id of ids) note(id, term);
    // An old message with several common terms may be among the newest of none.
    const common = [...terms.keys()]
      .filter((term) => lists[term]!.length === depth)
      .sort((a, b) => lists[a]!.at(-1)! - lists[b]!.at(-1)!) // the further back, the rarer
      .slice(0, MAX_TOGETHER);
    if (common.length > 1)
      for (const id of having(common.map((term) => terms[term]!)))
        for (const term of common) note(id, term);
    return { found: [...found.values()], weights };
  }

  /** The first `count` visible ones, with the beginnings of their texts. */
  function read(scope: SearchScope, found: readonly Candidate[], count: number) {
    const seen = [];
    for (let at = 0; at < found.length && seen.length < count; at += count) {
      const part = new Map(found.slice(at, at + count).map((one) => [one.id, one]));
      const texts = rows.beginnings([...part.keys()]);
      const places = new Set(texts.map(({ session }) => session));
      const visible =
        "session" in scope ? new Set([scope.session]) : rows.visible(scope.principal, places);
      const mine = texts.filter(({ session }) => visible.has(session));
      seen.push(...mine.map(({ id, text, bytes }) => ({ ...part.get(id)!, text, length: bytes })));
    }
    return seen;
  }

  function tokens(scope: SearchScope): string[] {
    if ("session" in scope) return [sessionToken(scope.session)];
    const shared = rows.sharedWith(scope.principal);
    return [ownerToken(scope.principal), ...shared.map(sessionToken)];
  }

  return (scope, query, options) =>
    engine.readDurable(() => {
      const wanted = terms(query, { loose: options.loose ?? false });
      if (wanted.length === 0) return [];
      const { found, weights } = candidates(scope, wanted, options);
      found.sort((a, b) => b.weight - a.weight || b.id - a.id);
      const texts = read(scope, found, Math.max(MAX_READ, options.limit));
      return ranked(texts, wanted, weights)
        .sort((a, b) => b.score - a.score || b.id - a.id)
        .slice(0, options.limit)
        .flatMap(({ id, score }): Found[] => {
          const row = rows.found(id);
          if (row === undefined) return [];
          const { session, title, ...message } = row;
          return [{ session, title, message, score }];
        });
    });
}

/** The term in a query of the index. It has letters and digits only, and quotes keep it from being an operator. */
const phrase = ({ phrase }: Term): string => `content : "${phrase.join(" ")}"`;

// The candidates of a search: the messages with its terms, as the index gives them, and the weights of the terms.
import type { SearchScope } from "../../chat/store.ts";
import { Matcher } from "../../search/matches.ts";
import { inside, nearly, type PartsLookup } from "../../search/parts.ts";
import { weightOf } from "../../search/ranking.ts";
import type { Term } from "../../search/terms.ts";
import { exactly, mistakesOf, otherForms, type Step } from "./lookups.ts";
import type { Lookup, LookupOptions, SearchRows } from "./rows.ts";
import type { Titled } from "./titles.ts";
import { sessionToken } from "./tokens.ts";

/** Maximum number of candidates for all terms together. */
const MAX_MATCHES = 10_000;
/** A term that so many messages have is not searched for in other forms. */
const ENOUGH = 300;
/** A term that fewer messages have is searched for inside of words. */
const FEW = 50;
/** Number of messages, and characters of each, that are looked through for a form of a term. */
const SAMPLE = 20;
const SAMPLE_CHARACTERS = 4_000;
const NEARLY = 0.9;
const INSIDE = 0.55;
/** Maximum number of newest messages that are counted, to tell common terms from rare ones. */
const MAX_COUNTED = 5_000;
/** Maximum number of frequent terms that are also searched for together, the rarest of them. */
const MAX_TOGETHER = 4;
/** With as many terms that say something, common words are not searched for. */
const SAYING_ENOUGH = 2;
/** Candidates from each session whose title has words of the query. */
const OF_TITLED = 200;
/** Part of a term's weight that a title with words of the query gives before the texts are read. */
const TITLED_SHARE = 0.5;

/** A message with some of the terms. */
export interface Candidate {
  id: number;
  /** Quality of the best match, by term. */
  has: Map<number, number>;
  weight: number;
}

export interface Query {
  scope: SearchScope;
  tokens: readonly string[];
  terms: readonly Term[];
  titled: Titled;
  /** What each message must have. */
  required: readonly Lookup[];
  options: LookupOptions;
}

export interface Candidates {
  found: Candidate[];
  /** One per term. */
  weights: number[];
  /** Terms that only words with a typing mistake match. */
  mistyped: Set<number>;
}

export async function candidates(rows: SearchRows, query: Query): Promise<Candidates> {
  const { terms, tokens, required, options } = query;
  const found = new Map<number, Candidate>();
  const mistyped = new Set<number>();
  const weights = terms.map(() => 1);
  if (required.length > 0 || terms.length === 0) {
    for (const id of await rows.matching(tokens, required, options))
      found.set(id, { id, has: new Map(), weight: 0 });
    return { found: [...found.values()], weights, mistyped };
  }
  const saying = terms.filter(({ common }) => !common).length;
  const searched = [...terms.keys()].filter(
    (term) => saying < SAYING_ENOUGH || !terms[term]!.common,
  );
  const depth = Math.min(options.depth, Math.ceil(MAX_MATCHES / searched.length));
  const having: Having = Object.assign(
    async (some: readonly Lookup[], among = tokens) =>
      rows.matching(among, some, { ...options, depth }),
    {
      parts: async (lookup: PartsLookup) => rows.parts(tokens, lookup, { ...options, depth }),
      async isIn(term: Term, ids: readonly number[]): Promise<boolean> {
        if (ids.length === 0) return false;
        const texts = await rows.beginnings(ids.slice(0, SAMPLE), SAMPLE_CHARACTERS);
        const matcher = new Matcher([term]);
        return texts.some(({ text }) => matcher.find(text).some(() => true));
      },
    },
  );
  const messagesFrom = counter(rows, query);
  const lists = new Map<number, List>();
  for (const term of searched) {
    const isTitle = query.titled.inTitles.has(terms[term]!.key);
    const list = await listOf(terms[term]!, having, { depth, mistakes: !isTitle });
    lists.set(term, list);
    if (list.mistyped) mistyped.add(term);
    const last = list.full ? list.last : undefined;
    const count = list.qualities.size;
    if (count > 0 && terms.length > 1) weights[term] = weightOf(count, await messagesFrom(last));
  }
  const note = (id: number, term: number, quality: number): void => {
    let candidate = found.get(id);
    if (candidate === undefined) found.set(id, (candidate = { id, has: new Map(), weight: 0 }));
    const before = candidate.has.get(term) ?? 0;
    if (before >= quality) return;
    candidate.has.set(term, quality);
    candidate.weight += weights[term]! * (quality - before);
  };
  for (const [term, { qualities }] of lists)
    for (const [id, quality] of qualities) note(id, term, quality);
  let complete = 0;
  const sets = frequentTogether(lists);
  for (const together of sets) {
    if (together === sets.at(-1) && complete > 1) break; // two complete lists hold the messages with all terms
    const ids = await having(together.map((term) => exactly(terms[term]!)));
    if (ids.length < depth) complete += 1;
    for (const id of ids) for (const term of together) note(id, term, 1);
  }
  await addTitled(query, found, having);
  return { found: [...found.values()], weights, mistyped };
}

interface Having {
  (some: readonly Lookup[], among?: readonly string[]): Promise<number[]>;
  parts(lookup: PartsLookup): Promise<number[]>;
  /** True if one of the messages has the term indeed, and not only words that begin alike. */
  isIn(term: Term, ids: readonly number[]): Promise<boolean>;
}

interface List {
  /** By message. */
  qualities: Map<number, number>;
  /** True if there may be more messages with the term itself, older than `last`. */
  full: boolean;
  last: number | undefined;
  mistyped: boolean;
}

async function listOf(
  term: Term,
  having: Having,
  { depth, mistakes }: { depth: number; mistakes: boolean },
): Promise<List> {
  const exact = term.phrase.length === 0 ? [] : await having([exactly(term)]);
  const list: List = {
    qualities: new Map(exact.map((id) => [id, 1])),
    ...{ full: exact.length === depth, last: exact.at(-1), mistyped: false },
  };
  const add = async (step: Step | undefined): Promise<void> => {
    if (step === undefined) return;
    for (const id of await having([step.lookup]))
      if (!list.qualities.has(id)) list.qualities.set(id, step.quality);
  };
  const addParts = async (lookup: PartsLookup, quality: number): Promise<void> => {
    if (lookup.length === 0) return;
    for (const id of await having.parts(lookup))
      if (!list.qualities.has(id)) list.qualities.set(id, quality);
  };
  if (!term.common) await addParts(nearly(term), NEARLY);
  if (exact.length < ENOUGH) await add(otherForms(term));
  if (list.qualities.size < FEW) await addParts(inside(term), INSIDE);
  if (!mistakes || exact.length > 0 || (await having.isIn(term, [...list.qualities.keys()])))
    return list;
  list.qualities.clear();
  for (const step of mistakesOf(term)) if (list.qualities.size === 0) await add(step);
  return { ...list, mistyped: true };
}

/**
 * Sets of frequent terms. An old message with several of them may be among the newest of none: all but one, because an answer
 * seldom has each word of its question, and last all together.
 */
function frequentTogether(lists: ReadonlyMap<number, List>): number[][] {
  const frequent = [...lists]
    .filter(([, { full }]) => full)
    .sort(([, a], [, b]) => a.last! - b.last!) // the further back, the rarer
    .map(([term]) => term)
    .slice(0, MAX_TOGETHER);
  if (frequent.length < 2) return [];
  if (frequent.length === 2) return [frequent];
  return [...frequent.map((without) => frequent.filter((term) => term !== without)), frequent];
}

/** Adds messages of the sessions whose titles have words of the query. */
async function addTitled(
  { terms, titled: { liked } }: Query,
  found: Map<number, Candidate>,
  having: Having,
): Promise<void> {
  if (liked.size === 0) return;
  const tokens = [...liked.keys()].map(sessionToken);
  const saying = terms.filter(({ common }) => !common);
  const lookup = saying
    .filter(({ phrase }) => phrase.length > 0)
    .flatMap((term) => [...exactly(term), ...(otherForms(term)?.lookup ?? [])]);
  const [with_, any] = [await having([lookup], tokens), await having([], tokens)];
  const share = TITLED_SHARE / Math.max(1, saying.length);
  for (const id of [...with_.slice(0, OF_TITLED), ...any.slice(0, OF_TITLED)]) {
    const candidate = found.get(id) ?? { id, has: new Map<number, number>(), weight: 0 };
    candidate.weight += share * Math.max(1, candidate.weight);
    found.set(id, candidate);
  }
}

/**
 * Returns a function that estimates the number of the scope's messages from the newest back to an id; by default, to the
 * first. Ids do not measure that: they count everybody's messages.
 */
function counter(rows: SearchRows, { scope, tokens }: Query): (id?: number) => Promise<number> {
  if ("session" in scope) {
    const { session } = scope;
    return async (id) =>
      (await rows.lastSeq(session)) - (id === undefined ? 0 : (await rows.seqOf(id)) - 1);
  }
  let own: Promise<number[]> | undefined;
  return async (from = 0) => {
    own ??= Promise.resolve(
      rows.matching(tokens, [], {
        ...{ below: Number.MAX_SAFE_INTEGER, depth: MAX_COUNTED },
        ...{ without: [], restrictions: {} },
      }),
    );
    const ids = await own;
    const older = ids.findIndex((id) => id < from);
    if (older !== -1 || ids.length < MAX_COUNTED) return older === -1 ? ids.length : older;
    // Beyond what is counted, as dense as what is.
    const [first, last] = [ids[0]!, ids.at(-1)!];
    return Math.round((ids.length * (first - from + 1)) / (first - last + 1));
  };
}

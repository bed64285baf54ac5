// The search in messages, for every engine: the index gives the newest messages with a term, up to a bound, and this file ranks
// them. Ranking all messages with a frequent word would take seconds in a million messages.
import type { Found, SearchOptions, SearchScope } from "../../chat/store.ts";
import { ranked, weightOf } from "../../search/ranking.ts";
import { type Term, terms } from "../../search/terms.ts";

/** Maximum number of candidates for all terms together. */
const MAX_MATCHES = 5_000;
/** Maximum number of candidates whose text is read, those with the most and the rarest terms. */
const MAX_READ = 100;
/** Limits on the text that is read to rank a message: characters, and bytes above which none is read. */
export const READ_CHARACTERS = 4_000;
export const MAX_READ_BYTES = 65_536;
/** Characters of a message that are searched for the part to show. */
export const SHOWN_CHARACTERS = 100_000;
/** Maximum number of newest messages that are counted, to tell common terms from rare ones. */
const MAX_COUNTED = 5_000;
/** Maximum number of common terms that are also searched for together, the rarest of them. */
const MAX_TOGETHER = 3;

type Maybe<T> = T | Promise<T>;

/** What a search asks of an engine's index and tables. */
export interface SearchRows {
  /** The newest messages that have one of the tokens and all of the terms, the newest first. */
  matching(
    tokens: readonly string[],
    terms: readonly Term[],
    options: Pick<SearchOptions, "except"> & { below: number; depth: number },
  ): Maybe<number[]>;
  /** The beginnings of messages that are still there. */
  beginnings(
    ids: readonly number[],
  ): Maybe<{ id: number; session: string; text: string; bytes: number }[]>;
  /** The live ones of these sessions that are the principal's or shared with it. */
  visible(principal: string, ids: Iterable<string>): Maybe<Set<string>>;
  found(id: number): Maybe<(Found["message"] & Pick<Found, "session" | "title">) | undefined>;
  /** The newest sessions that others share with the principal. */
  sharedWith(principal: string): Maybe<string[]>;
  idOf(session: string, seq: number): Maybe<number | undefined>;
  /** The message's number in its session. */
  seqOf(id: number): Maybe<number>;
  lastSeq(session: string): Maybe<number>;
}

/** A message with some of the terms. */
interface Candidate {
  id: number;
  has: Set<number>;
  weight: number;
}

interface Query {
  scope: SearchScope;
  tokens: readonly string[];
  terms: readonly Term[];
  below: number;
  depth: number;
  except: SearchOptions["except"];
}

/** See `HistoryStore.search`. */
export async function searchMessages(
  rows: SearchRows,
  scope: SearchScope,
  text: string,
  options: SearchOptions,
): Promise<Found[]> {
  const wanted = terms(text, { loose: options.loose ?? false });
  if (wanted.length === 0) return [];
  const query = await queryOf(rows, scope, wanted, options);
  const { found, weights } = await candidates(rows, query);
  found.sort((a, b) => b.weight - a.weight || b.id - a.id);
  const texts = await read(rows, scope, found, Math.max(MAX_READ, options.limit));
  const best = ranked(texts, wanted, weights)
    .sort((a, b) => b.score - a.score || b.id - a.id)
    .slice(0, options.limit);
  const shown = await Promise.all(best.map(async ({ id }) => rows.found(id)));
  return best.flatMap(({ score }, at): Found[] => {
    const row = shown[at];
    if (row === undefined) return [];
    const { session, title, ...message } = row;
    return [{ session, title, message, score }];
  });
}

async function queryOf(
  rows: SearchRows,
  scope: SearchScope,
  wanted: readonly Term[],
  { before, among, except }: SearchOptions,
): Promise<Query> {
  const start =
    "session" in scope && before !== undefined ? await rows.idOf(scope.session, before) : undefined;
  return {
    ...{ scope, except, terms: wanted, tokens: await tokensOf(rows, scope) },
    below: start ?? Number.MAX_SAFE_INTEGER,
    depth: Math.min(among, Math.ceil(MAX_MATCHES / wanted.length)),
  };
}

async function tokensOf(rows: SearchRows, scope: SearchScope): Promise<string[]> {
  if ("session" in scope) return [sessionToken(scope.session)];
  const shared = await rows.sharedWith(scope.principal);
  return [ownerToken(scope.principal), ...shared.map(sessionToken)];
}

async function candidates(
  rows: SearchRows,
  { tokens, terms, below, depth, except, scope }: Query,
): Promise<{ found: Candidate[]; weights: number[] }> {
  const having = async (some: readonly Term[]): Promise<number[]> =>
    rows.matching(tokens, some, { below, depth, except });
  const messagesFrom = counter(rows, scope, tokens);
  const lists = await Promise.all(terms.map((term) => having([term])));
  const weights = await Promise.all(
    lists.map(async (ids) => {
      if (ids.length === 0) return 0;
      if (terms.length === 1) return 1; // nothing to weigh it against
      const seen = ids.length < depth ? undefined : ids.at(-1);
      return weightOf(ids.length, await messagesFrom(seen));
    }),
  );
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
    for (const id of await having(common.map((term) => terms[term]!)))
      for (const term of common) note(id, term);
  return { found: [...found.values()], weights };
}

/**
 * Returns a function that estimates the number of the scope's messages from the newest back to an id; by default, to the
 * first. Ids do not measure that: they count everybody's messages.
 */
function counter(
  rows: SearchRows,
  scope: SearchScope,
  tokens: readonly string[],
): (id?: number) => Promise<number> {
  if ("session" in scope) {
    const { session } = scope;
    return async (id) =>
      (await rows.lastSeq(session)) - (id === undefined ? 0 : (await rows.seqOf(id)) - 1);
  }
  let own: Promise<number[]> | undefined;
  return async (from = 0) => {
    own ??= Promise.resolve(
      rows.matching(tokens, [], { below: Number.MAX_SAFE_INTEGER, depth: MAX_COUNTED }),
    );
    const ids = await own;
    const older = ids.findIndex((id) => id < from);
    return older === -1 ? ids.length : older;
  };
}

/** The first `count` visible ones, with the beginnings of their texts. */
async function read(
  rows: SearchRows,
  scope: SearchScope,
  found: readonly Candidate[],
  count: number,
) {
  const seen = [];
  for (let at = 0; at < found.length && seen.length < count; at += count) {
    const part = new Map(found.slice(at, at + count).map((one) => [one.id, one]));
    const texts = await rows.beginnings([...part.keys()]);
    const places = new Set(texts.map(({ session }) => session));
    const visible =
      "session" in scope ? new Set([scope.session]) : await rows.visible(scope.principal, places);
    const mine = texts.filter(({ session }) => visible.has(session));
    seen.push(...mine.map(({ id, text, bytes }) => ({ ...part.get(id)!, text, length: bytes })));
  }
  return seen;
}

// Tokens of the full-text index beside the words: a search reads no other owner's part of the index.

export const sessionToken = (id: string): string => `s${id.replaceAll("-", "")}0`;
/** The token in hexadecimal digits, because a name may be anything. No stem is cut off behind a digit. */
export const ownerToken = (owner: string): string => `o${Buffer.from(owner).toString("hex")}0`;

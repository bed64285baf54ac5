// The search in messages, for every engine: the index gives the newest messages with a term, up to a bound, and this file reads
// and ranks them. Ranking all messages with a frequent word would take seconds in a million messages.
import type { Found, SearchOptions, SearchScope } from "../../chat/store.ts";
import { loadChinese } from "../../search/languages/chinese.ts";
import { asksSomething } from "../../search/languages/common-words.ts";
import { loadStemmers } from "../../search/languages/stems.ts";
import { phraseTest } from "../../search/phrases.ts";
import { type Rankable, ranked } from "../../search/ranking.ts";
import { type Term, terms } from "../../search/terms.ts";
import { cut } from "../../search/words.ts";
import { type Candidate, candidates, type Query } from "./candidates.ts";
import { ofPhrase } from "./lookups.ts";
import type { Beginning, SearchRows } from "./rows.ts";
import { sessionsTitled, type Titled } from "./titles.ts";
import { ownerToken, sessionToken } from "./tokens.ts";

/** Maximum number of candidates whose text is read, those with the most and the rarest terms. */
const MAX_READ = 200;
/** Number of texts that are read at once. */
const PAGE = 100;
/** Maximum number of texts that are read to find those with a phrase. */
const MAX_TESTED = 2_000;
/** Characters of texts after which no more are read. */
const MAX_READ_CHARACTERS = 300_000;
/** Limits on the text that is read to rank a message: characters, and bytes above which none is read. */
const READ_CHARACTERS = 4_000;
export const MAX_READ_BYTES = 65_536;
/** Characters of a message that are searched for the part to show, and for a phrase. */
export const SHOWN_CHARACTERS = 100_000;

/** See `HistoryStore.search`. */
export async function searchMessages(
  rows: SearchRows,
  scope: SearchScope,
  text: string,
  options: SearchOptions,
): Promise<Found[]> {
  const { phrases = [], excluded = [], limit, loose = false, open = false } = options;
  const asked = [text, ...phrases].join("\n");
  const all = [asked, ...excluded, ...(options.filters?.title ?? [])].join("\n");
  await Promise.all([loadStemmers(), loadChinese(all)]);
  const wanted = terms(asked, { loose, open });
  const query = await queryOf(rows, scope, wanted, options);
  if (query === undefined) return [];
  const { found, weights, mistyped } = await candidates(rows, query);
  found.sort((a, b) => b.weight - a.weight || b.id - a.id);
  const texts = await read(rows, query, found, options);
  const ranking = { terms: wanted, weights, mistyped, isQuestion: asksSomething(text) };
  const best = ranked(texts, ranking)
    .filter(({ score }) => score > 0 || wanted.length === 0)
    .sort((a, b) => b.score - a.score || b.id - a.id)
    .slice(0, limit);
  const shown = await Promise.all(best.map(async ({ id }) => rows.found(id)));
  return best.flatMap(({ score }, at): Found[] => {
    const row = shown[at];
    if (row === undefined) return [];
    const { session, title, ...message } = row;
    return [{ session, title, message, score }];
  });
}

/** Undefined for a query that finds nothing. */
async function queryOf(
  rows: SearchRows,
  scope: SearchScope,
  wanted: readonly Term[],
  { before, among, except, filters = {}, phrases = [], excluded = [] }: SearchOptions,
): Promise<Query | undefined> {
  const { title = [], ...own } = filters;
  const isFiltered = title.length > 0 || Object.values(own).some((one) => one !== undefined);
  if (wanted.length === 0 && !isFiltered) return undefined;
  const titled = await sessionsTitled(rows, scope, wanted, title);
  if (titled === undefined) return undefined;
  const start =
    "session" in scope && before !== undefined ? await rows.idOf(scope.session, before) : undefined;
  return {
    ...{ scope, terms: wanted, titled, required: phrases.flatMap(ofPhrase) },
    tokens: await tokensOf(rows, scope, titled),
    options: {
      below: start ?? Number.MAX_SAFE_INTEGER,
      depth: phrases.length > 0 ? MAX_TESTED : among,
      without: excluded.flatMap((one) => (isOneWord(one) ? ofPhrase(one).flat() : [])),
      restrictions: { ...own, except },
    },
  };
}

const isOneWord = (text: string): boolean => {
  const words = [...cut(text)];
  return words.length === 1 || (words.length > 1 && words.every(({ unspaced }) => unspaced));
};

async function tokensOf(rows: SearchRows, scope: SearchScope, { only }: Titled): Promise<string[]> {
  if ("session" in scope) return [sessionToken(scope.session)];
  if (only !== undefined) return only.map(sessionToken);
  const shared = await rows.sharedWith(scope.principal);
  return [ownerToken(scope.principal), ...shared.map(sessionToken)];
}

/** The first visible ones with all phrases, with the beginnings of their texts. */
async function read(
  rows: SearchRows,
  { scope, titled }: Query,
  found: readonly Candidate[],
  { limit, phrases = [], excluded = [], except }: SearchOptions,
) {
  const exact = phrases.length > 0 || excluded.length > 0;
  const hasPhrases = phraseTest(phrases);
  const hasExcluded = excluded.map((one) => phraseTest([one]));
  const most = { read: Math.max(MAX_READ, limit), tested: exact ? MAX_TESTED : found.length };
  const seen: (Candidate & Rankable)[] = [];
  const characters = exact ? SHOWN_CHARACTERS : READ_CHARACTERS;
  let total = 0;
  for (let at = 0; at < most.tested && at < found.length; at += PAGE) {
    if (seen.length >= most.read || (seen.length >= PAGE && total > MAX_READ_CHARACTERS)) break;
    const part = new Map(found.slice(at, at + PAGE).map((one) => [one.id, one]));
    const all = await rows.beginnings([...part.keys()], characters);
    const texts = except === undefined ? all : await withoutAsked(rows, all, except.model);
    const places = new Set(texts.map(({ session }) => session));
    const visible =
      "session" in scope ? new Set([scope.session]) : await rows.visible(scope.principal, places);
    for (const { id, session, text, bytes } of texts) {
      total += text.length;
      if (!visible.has(session) || !hasPhrases(text) || hasExcluded.some((has) => has(text)))
        continue;
      const isWhole = text !== "" && text.length < characters;
      seen.push({
        ...part.get(id)!,
        text,
        length: bytes,
        isWhole,
        title: titled.liked.get(session),
      });
    }
  }
  return seen;
}

/** Leaves out questions that the model has answered: they have the words of the next question, and tell nothing. */
async function withoutAsked(
  rows: SearchRows,
  texts: Beginning[],
  model: string,
): Promise<Beginning[]> {
  const questions = texts.filter(({ role, text }) => role === "user" && asksSomething(text));
  if (questions.length === 0) return texts;
  const asked = new Set(
    await rows.answeredBy(
      model,
      questions.map(({ id }) => id),
    ),
  );
  return texts.filter(({ id }) => !asked.has(id));
}

// What a search asks of an engine: lookups in its index, and rows of its tables.
import type { Found, SearchFilters, SearchOptions } from "../../chat/store.ts";
import type { PartsLookup } from "../../search/parts.ts";

type Maybe<T> = T | Promise<T>;

/** Words, or pairs of characters, that follow each other in the index; or the beginning of one word. */
export type Atom = { words: readonly string[] } | { pairs: readonly string[] } | { prefix: string };

/** Messages with any of these. */
export type Lookup = readonly Atom[];

export interface Restrictions extends Omit<SearchFilters, "title"> {
  except?: SearchOptions["except"];
}

export interface LookupOptions {
  /** Only messages with a lower id. */
  below: number;
  depth: number;
  /** Leaves out messages with any of these. */
  without: Lookup;
  restrictions: Restrictions;
}

export interface Beginning {
  id: number;
  session: string;
  /** The first characters, or "" for a text that is too large to be read. */
  text: string;
  /** Length of the whole text. */
  bytes: number;
  role: string;
}

export interface SearchRows {
  /**
   * The newest messages that have one of the tokens and all that is looked up, the newest first. PostgreSQL may return
   * messages that have the words of a phrase apart.
   */
  matching(
    tokens: readonly string[],
    all: readonly Lookup[],
    options: LookupOptions,
  ): Maybe<number[]>;
  /** The same in the second index; what is found may still have an excluded word. */
  parts(tokens: readonly string[], lookup: PartsLookup, options: LookupOptions): Maybe<number[]>;
  /** The beginnings of messages that are still there. */
  beginnings(ids: readonly number[], characters: number): Maybe<Beginning[]>;
  /** The live ones of these sessions that are the principal's or shared with it. */
  visible(principal: string, ids: Iterable<string>): Maybe<Set<string>>;
  found(id: number): Maybe<(Found["message"] & Pick<Found, "session" | "title">) | undefined>;
  /** The newest sessions that others share with the principal. */
  sharedWith(principal: string): Maybe<string[]>;
  /** The principal's newest sessions whose titles have one of these ASCII texts, in any case, or other letters than ASCII. */
  titles(principal: string, parts: readonly string[]): Maybe<{ id: string; title: string }[]>;
  /** Those of the messages that are questions which this model answered. */
  answeredBy(model: string, ids: readonly number[]): Maybe<number[]>;
  titleOf(session: string): Maybe<string | null>;
  idOf(session: string, seq: number): Maybe<number | undefined>;
  /** The message's number in its session. */
  seqOf(id: number): Maybe<number>;
  lastSeq(session: string): Maybe<number>;
}

/** Maximum number of titles that a search compares. */
export const MAX_TITLES = 1_000;
/** True if a lookup has to read the messages themselves. */
export const isRestricted = (restrictions: Restrictions): boolean =>
  Object.values(restrictions).some((value) => value !== undefined);
/** Least number of matching messages that are looked at for one with restrictions. */
export const MIN_LOOKED_AT = 20_000;

/** Values for the conditions of the restrictions. */
export const allowedBy = ({ role, since = 0, until, except }: Restrictions) => ({
  ...{ role: role ?? null, since, until: until ?? Number.MAX_SAFE_INTEGER },
  ...(except ?? { model: null, prompt: null }),
});

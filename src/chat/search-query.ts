// The syntax of a search: "a phrase", -word, role:, before:, after:, title:. Whatever is none of these is text.
import { AppError } from "../lib/errors.ts";
import { type Role, ROLES } from "./message.ts";
import type { SearchFilters } from "./store.ts";

/** What a search asks for, beside the text of its query. */
export interface SearchArguments {
  role?: Role | undefined;
  /** A day or a time: messages from then on, or up to then. */
  after?: string | undefined;
  before?: string | undefined;
  title?: string | undefined;
  /** Words and phrases that a message must not have. */
  exclude?: readonly string[] | undefined;
}

export interface SearchQuery {
  /** The words to search for. */
  text: string;
  phrases: string[];
  excluded: string[];
  filters: SearchFilters;
}

/** A minus sign is a dash, as other programs write it. */
const PART = /(?<![^\s(])(?:([-−])|(role|before|after|title):(\s?))?(?:"([^"]*)"|([^\s"]+))/giu;
const QUOTES = /[“”„‟«»]/g;
const PREFIX = /^(?:[-−]|(?:role|before|after|title):)?/iu;

/**
 * The arguments of a command line as a query. The shell has taken their quotes: among others, an argument with spaces is a
 * phrase. One by itself is a whole query.
 */
export function joinedQuery(args: readonly string[]): string {
  if (args.length === 1) return args[0]!;
  const requoted = args.map((arg) => {
    if (!/\S\s+\S/u.test(arg) || /["“”„‟«»]/.test(arg)) return arg;
    const [prefix] = PREFIX.exec(arg)!;
    return `${prefix}"${arg.slice(prefix.length)}"`;
  });
  return requoted.join(" ");
}

/** @throws AppError `invalid` for a time that is none */
export function parseQuery(query: string, more: SearchArguments = {}): SearchQuery {
  const parsed = new Parts(query.replaceAll(QUOTES, '"'));
  const { phrases, excluded, filters } = parsed;
  excluded.push(...(more.exclude ?? []).filter(hasWords));
  if (more.title?.trim()) parsed.title.push(more.title);
  if (more.role !== undefined) filters.role = more.role;
  if (more.after?.trim()) filters.since = timeOf("after", more.after);
  if (more.before?.trim()) filters.until = timeOf("before", more.before);
  if (parsed.title.length > 0) filters.title = parsed.title;
  return { text: parsed.text, phrases, excluded, filters };
}

class Parts {
  readonly phrases: string[] = [];
  readonly excluded: string[] = [];
  readonly title: string[] = [];
  readonly filters: SearchFilters = {};
  /** What is left: the words. */
  text = "";

  constructor(query: string) {
    let end = 0;
    for (const match of query.matchAll(PART)) {
      const [whole, minus, field, space, phrase, word = ""] = match;
      const isSpaced = space !== undefined && space !== "";
      if (!this.#takes({ minus, field: field?.toLowerCase(), isSpaced, phrase, word })) continue;
      this.text += `${query.slice(end, match.index)} `;
      end = match.index + whole.length;
    }
    this.text += query.slice(end);
  }

  /** False for a part that is text. */
  #takes(part: {
    minus: string | undefined;
    field: string | undefined;
    /** True if a space is behind the field's colon: then a value that is none is text. */
    isSpaced: boolean;
    phrase: string | undefined;
    word: string;
  }): boolean {
    const { minus, field, isSpaced, phrase, word } = part;
    if (field !== undefined) return this.#takesField(field, phrase ?? word, isSpaced);
    if (minus !== undefined) {
      const takes = phrase === undefined ? isExclusion(word) : hasWords(phrase);
      if (takes) this.excluded.push(phrase ?? word);
      return takes;
    }
    if (phrase === undefined || !hasWords(phrase)) return false;
    this.phrases.push(phrase);
    return true;
  }

  /** False for a value that makes no field of it, such as a role that does not exist. */
  #takesField(field: string, value: string, isSpaced: boolean): boolean {
    if (field === "role") {
      const role = ROLES.find((one) => one === value.toLowerCase());
      if (role !== undefined) this.filters.role = role;
      return role !== undefined;
    }
    if (field === "title") {
      if (hasWords(value)) this.title.push(value);
      return hasWords(value);
    }
    if (!(isSpaced ? isTime(value) : /^\d/.test(value))) return false;
    if (field === "after") this.filters.since = timeOf("after", value);
    else this.filters.until = timeOf("before", value);
    return true;
  }
}

const hasWords = (text: string): boolean => /[\p{L}\p{N}\p{Extended_Pictographic}]/u.test(text);

/** Neither an option of a command line, such as -x or --all, nor a short negative number. A character such as 豆 is a word. */
const isExclusion = (word: string): boolean =>
  /^[\p{Lo}\p{Extended_Pictographic}]/u.test(word) ||
  (/^[\p{L}\p{N}\p{Co}]\S/u.test(word) && /\p{L}|\p{N}{3}/u.test(word));

const TIME =
  /^(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2})(?:T(\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?)?)?)?$/i;

const isTime = (text: string): boolean => timeIn(text) !== undefined;

/** The beginning of a year, month, day or minute, in UTC unless it has an offset. */
function timeIn(text: string): number | undefined {
  const [, year, month = "01", day = "01", time = "00:00", zone = "Z"] =
    TIME.exec(text.trim()) ?? [];
  const date = `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
  const at = year === undefined ? NaN : Date.parse(`${date}T${time}${zone}`);
  const isDay = !Number.isNaN(at) && new Date(`${date}T00:00Z`).toISOString().startsWith(date);
  return isDay ? at : undefined;
}

function timeOf(field: string, text: string): number {
  const at = timeIn(text);
  if (at !== undefined) return at;
  throw new AppError("invalid", `${field}: ${JSON.stringify(text)} is no date.`, {
    hint: "Expected a day such as 2026-03-31, a month such as 2026-03, or a time such as 2026-03-31T18:00Z.",
  });
}

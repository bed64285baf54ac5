// The judged set: conversations in ten languages with questions whose right answers are known, between messages that a seeded
// generator makes from each language's own words. One file a language; nothing in them knows how search works.
//
// `@ TITLE` begins a conversation. `LABEL ROLE DATE TEXT` is a message, with `-` for one that answers nothing. `$ KEY = JSON` is
// a fact. `? KIND: QUERY => LABEL…` is a judged query. `" WORDS` is a phrase: ten messages have it and thirty only its words.
// `% small`, `% asks` and the other `%` lines are words for the generator.
import { readFileSync } from "node:fs";

const LANGUAGES = ["en", "de", "fr", "es", "pt", "pl", "ru", "ar", "zh", "ja"] as const;
const WITH_PHRASE = 10;
const WITH_WORDS = 30;
const PER_CONVERSATION = 20;
/** Part of the made messages that share words with the right answers of questions. */
const NEAR = 0.35;
const DAY_MS = 86_400_000;
const UNSPACED = new Set(["zh", "ja"]);
const ROLES = { u: "user", a: "assistant", s: "system", t: "tool" } as const;

export interface JudgedMessage {
  /** Unique; undefined for a message that answers nothing. */
  label: string | undefined;
  role: (typeof ROLES)[keyof typeof ROLES];
  createdAt: number;
  content: string;
}

export interface Conversation {
  title: string;
  messages: JudgedMessage[];
  facts: { label: string; key: string; value: unknown }[];
}

export interface JudgedQuery {
  kind: string;
  language: string;
  query: string;
  /** Labels of messages and facts. */
  relevant: string[];
}

export interface Corpus {
  conversations: Conversation[];
  queries: JudgedQuery[];
}

interface Language {
  name: string;
  conversations: Conversation[];
  queries: JudgedQuery[];
  phrases: string[];
  words: string[];
  small: string[];
  asks: string[];
}

/** Random numbers from a seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The judged conversations beside `distractors` made messages, in an order that does not tell them apart. */
export function judgedCorpus(distractors: number): Corpus {
  const random = seeded(20_260_711);
  const languages = LANGUAGES.map(read);
  const conversations = languages.flatMap((language) => language.conversations);
  const queries = languages.flatMap((language) => language.queries);
  for (const language of languages) {
    const make = generator(language, random);
    for (const [n, phrase] of language.phrases.entries()) {
      const label = `${language.name}-phrase${n}`;
      conversations.push(...make.around(phrase, label));
      const relevant = Array.from({ length: WITH_PHRASE }, (_, i) => `${label}-${i}`);
      queries.push({ kind: "phrase", language: language.name, query: `"${phrase}"`, relevant });
    }
    const near = nearWords(language);
    for (let made = 0; made < distractors / languages.length; made += PER_CONVERSATION)
      conversations.push(make.conversation(near));
  }
  return { conversations: shuffled(conversations, random), queries };
}

function read(name: string): Language {
  const language: Language = {
    ...{ name, conversations: [], queries: [] },
    ...{ phrases: [], words: [], small: [], asks: [] },
  };
  const file = new URL(`${name}.txt`, import.meta.url);
  for (const line of readFileSync(file, "utf8").split("\n")) if (line !== "") note(language, line);
  return language;
}

function note(language: Language, line: string): void {
  const [mark = "", ...rest] = line.split(" ");
  const text = rest.join(" ");
  const conversation = language.conversations.at(-1);
  if (mark === "@") language.conversations.push({ title: text, messages: [], facts: [] });
  else if (mark === '"') language.phrases.push(text);
  else if (mark === "%") noteWords(language, rest);
  else if (mark === "?") {
    const [, kind, query, labels] = /^(\w+): (.*) => (.*)$/.exec(text)!;
    const relevant = labels!.split(" ").map((label) => `${language.name}-${label}`);
    language.queries.push({ kind: kind!, query: query!, relevant, language: language.name });
  } else if (mark === "$") {
    const [key, value] = text.split(" = ");
    const label = `${language.name}-${key}`;
    conversation!.facts.push({ label, key: key!, value: JSON.parse(value!) });
  } else {
    const [role, date, ...words] = rest;
    conversation!.messages.push({
      label: mark === "-" ? undefined : `${language.name}-${mark}`,
      role: ROLES[role as keyof typeof ROLES],
      createdAt: Date.parse(`${date}T09:00:00Z`),
      content: words.join(" "),
    });
  }
}

function noteWords(language: Language, words: string[]): void {
  const [first] = words;
  if (first === "small") language.small.push(...words.slice(1));
  else if (first === "asks") language.asks.push(...words.slice(1).join(" ").split("|"));
  else language.words.push(...words.filter((word) => word !== "words"));
}

/**
 * For each answer of a question in words: pieces of it that other messages may have, too. A word that another kind of query is
 * about stays the answer's own, because any message with it would be right.
 */
function nearWords({ name, conversations, queries }: Language): string[][] {
  const messages = conversations.flatMap((one) => one.messages);
  const isInWords = ({ kind }: JudgedQuery): boolean => kind === "question" || kind === "words";
  const own = queries
    .filter((query) => !isInWords(query))
    .flatMap(({ query }) => query.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? []);
  return queries.filter(isInWords).map(({ relevant }) => {
    const { content } = messages.find(({ label }) => label === relevant[0])!;
    const words = UNSPACED.has(name)
      ? (content.match(/[\p{L}\p{M}\p{N}]{2}/gu) ?? [])
      : (content.toLowerCase().match(/[\p{L}\p{M}\p{N}-]+/gu) ?? []);
    return words.filter((word) => !/\d/.test(word) && !own.some((one) => areAlike(one, word)));
  });
}

/** True for words that begin alike, or that have most of their letters in common, such as one with a typing mistake. */
function areAlike(a: string, b: string): boolean {
  const [one, two] = [a, b].map((word) => word.normalize("NFD").replaceAll(/\p{M}/gu, ""));
  if (one!.slice(0, 4) === two!.slice(0, 4)) return true;
  const shared = [...one!].filter((letter) => two!.includes(letter)).length;
  return Math.abs(one!.length - two!.length) <= 3 && shared >= 0.75 * one!.length;
}

function generator({ name, words, small, asks }: Language, random: () => number) {
  const below = (n: number): number => Math.floor(random() * n);
  /** The first ones are more frequent. */
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() ** 1.6 * list.length)]!;
  const unspaced = UNSPACED.has(name);
  const join = (parts: readonly string[]): string => parts.join(unspaced ? "" : " ");
  const sentence = (length: number): string => {
    const parts = Array.from({ length }, () => pick(random() < 0.45 ? small : words));
    if (random() < 0.12) parts.unshift(pick(asks));
    const text = join(parts);
    const end = unspaced ? "。" : random() < 0.2 ? "?" : ".";
    return text.charAt(0).toUpperCase() + text.slice(1) + end;
  };
  const length = (): number =>
    random() < 0.6 ? 4 + below(10) : random() < 0.75 ? 15 + below(25) : 40 + below(80);
  const extra = (): string => {
    const [one, two] = [pick(words), pick(words)];
    if (random() < 0.5) return `${one}${two.charAt(0).toUpperCase()}${two.slice(1)}`;
    return `${1 + below(9)}${random() < 0.5 ? "." : ","}${100 + below(900)}`;
  };
  const message = (content: string, label?: string): JudgedMessage => ({
    ...{ label, content, role: random() < 0.5 ? "user" : "assistant" },
    createdAt: Date.UTC(2025, 5, 1) + below(365) * DAY_MS,
  });
  /** A sentence with up to two fifths of the pieces of an answer, and with pieces of others. */
  const nearby = (near: readonly string[][]): string => {
    const some = (pieces: readonly string[], most: number): string[] =>
      shuffled(pieces, random).slice(0, Math.ceil(pieces.length * most * random()));
    const pieces = [...some(pick(near), 0.4), ...some(pick(near), 0.3), ...some(pick(near), 0.2)];
    const filling = Array.from({ length: below(14) }, () => pick(random() < 0.6 ? small : words));
    return `${join(shuffled([...pieces, ...filling], random))}${unspaced ? "。" : "."}`;
  };
  const text = (near: readonly string[][]): string => {
    if (near.length > 0 && random() < NEAR) return nearby(near);
    const parts = [sentence(length())];
    if (random() < 0.15) parts.push(extra());
    if (random() < 0.3) parts.push(sentence(4 + below(8)));
    return parts.join(unspaced ? "" : " ");
  };
  const conversation = (messages: JudgedMessage[]): Conversation => ({
    ...{ messages, facts: [] },
    title: join([pick(words), pick(words)]),
  });
  return {
    conversation: (near: readonly string[][]): Conversation =>
      conversation(Array.from({ length: PER_CONVERSATION }, () => message(text(near)))),
    /** Conversations with the phrase, and with its words in another order. */
    around(phrase: string, label: string): Conversation[] {
      const parts = phrase.split(" ");
      const whole = Array.from({ length: WITH_PHRASE }, (_, i) =>
        message(`${sentence(4 + below(30))} ${phrase} ${sentence(4 + below(8))}`, `${label}-${i}`),
      );
      const apart = Array.from({ length: WITH_WORDS }, () => {
        const mixed = shuffled(parts, random);
        if (mixed.join(" ") === phrase) mixed.reverse();
        return message(`${mixed.join(random() < 0.5 ? " " : ` ${pick(small)} `)}.`);
      });
      const all = shuffled([...whole, ...apart], random);
      return [conversation(all.slice(0, 20)), conversation(all.slice(20))];
    },
  };
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

// What people use for search in text when they write it themselves: SQLite's FTS5 with two of its tokenizers, and MiniSearch.
// Each one indexes titles, messages and facts, and understands what it can of a query's syntax.
import Database from "better-sqlite3";
import MiniSearch from "minisearch";
import type { Corpus, JudgedQuery } from "../test/search/judged/corpus.ts";
import type { Found } from "../test/search/judged/figures.ts";

interface Document {
  id: number;
  title: string;
  content: string;
}

export type Baseline = (query: JudgedQuery) => Promise<Found>;

const FIRST = 10;

/** By name. */
export function baselines(corpus: Corpus): Map<string, Baseline> {
  const labels: (string | undefined)[] = [];
  const documents: Document[] = [];
  const add = (title: string, content: string, label: string | undefined): void => {
    documents.push({ id: labels.push(label) - 1, title, content });
  };
  for (const { title, messages, facts } of corpus.conversations) {
    for (const { content, label } of messages) add(title, content, label);
    for (const { key, value, label } of facts) add(title, `${key} ${JSON.stringify(value)}`, label);
  }
  return new Map([
    ["porter", fts5(documents, labels, "porter unicode61 remove_diacritics 2", 1)],
    ["trigram", fts5(documents, labels, "trigram remove_diacritics 1", 3)],
    ["minisearch", miniSearch(documents, labels)],
  ]);
}

/** A query without the operators that none of them knows. */
const plain = (query: string): string => query.replaceAll(/\b(?:role|before|after|title):/g, "");

interface Parts {
  phrases: string[];
  excluded: string[];
  words: string[];
}

function partsOf(query: string): Parts {
  const parts: Parts = { phrases: [], excluded: [], words: [] };
  for (const [whole, phrase, word] of plain(query).matchAll(/"([^"]+)"|(\S+)/g)) {
    if (phrase !== undefined) parts.phrases.push(phrase);
    else if (whole.startsWith("-")) parts.excluded.push(word!.slice(1));
    else parts.words.push(...(word!.match(/[\p{L}\p{M}\p{N}\p{So}+#]+/gu) ?? []));
  }
  return parts;
}

function fts5(
  documents: readonly Document[],
  labels: readonly (string | undefined)[],
  tokenizer: string,
  shortest: number,
): Baseline {
  const database = new Database(":memory:");
  database.exec(`CREATE VIRTUAL TABLE f USING fts5(title, content, tokenize = '${tokenizer}')`);
  const insert = database.prepare("INSERT INTO f(rowid, title, content) VALUES (?, ?, ?)");
  database.transaction(() => {
    for (const { id, title, content } of documents) insert.run(id, title, content);
  })();
  const select = database
    .prepare("SELECT rowid FROM f WHERE f MATCH ? ORDER BY rank LIMIT ?")
    .pluck();
  return async ({ query }) => {
    const { phrases, excluded, words } = partsOf(query);
    const all = [...phrases, ...words].filter((one) => [...one].length >= shortest);
    if (all.length === 0) return [];
    const quoted = (list: readonly string[]): string => list.map((one) => `"${one}"`).join(" OR ");
    const match = `(${quoted(all)})${excluded.length > 0 ? ` NOT (${quoted(excluded)})` : ""}`;
    return (select.all(match, FIRST) as number[]).map((id) => labels[id]);
  };
}

function miniSearch(
  documents: readonly Document[],
  labels: readonly (string | undefined)[],
): Baseline {
  const index = new MiniSearch<Document>({ fields: ["title", "content"] });
  index.addAll(documents);
  return async ({ query }) => {
    const { phrases, excluded, words } = partsOf(query);
    const without = excluded.map((word) => word.toLowerCase());
    const found = index.search([...phrases, ...words].join(" "), {
      ...{ prefix: true, fuzzy: 0.2 },
      filter: ({ id }) => {
        const text = documents[id as number]!.content.toLowerCase();
        return !without.some((word) => text.includes(word));
      },
    });
    return found.slice(0, FIRST).map(({ id }) => labels[id as number]);
  };
}

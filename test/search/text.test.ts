// How text is cut into words, for any text: what is stored is found, and no query does harm.
import Database from "better-sqlite3";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HistorySearch } from "../../src/chat/history-search.ts";
import { newId } from "../../src/lib/ids.ts";
import { stem } from "../../src/search/languages/stem.ts";
import { Matcher } from "../../src/search/matches.ts";
import { snippet } from "../../src/search/snippet.ts";
import { terms } from "../../src/search/terms.ts";
import { cut } from "../../src/search/words.ts";
import { openStorage } from "../../src/storage/open.ts";
import { runs } from "../support/runs.ts";

async function openSearch() {
  const clock = { now: () => 1_000, monotonic: () => 0 };
  const expiry = { maxAgeMs: Infinity };
  const storage = await openStorage({ folder: undefined, durability: "normal", clock, expiry });
  const search = new HistorySearch(storage.history);
  const find = (session: string, query: string) => search.search({ session }, query, 50);
  /** In a session of its own. */
  const store = async (...texts: string[]): Promise<string> => {
    const { id } = (await storage.sessions.create({ id: newId(), owner: "ana" })).session;
    for (const content of texts) await storage.history.append(id, { role: "user", content });
    return id;
  };
  return { find, store, close: () => storage.close() };
}

const between = (first: number, last: number) =>
  fc.integer({ min: first, max: last }).map((code) => String.fromCodePoint(code));
const unspaced = fc.oneof(
  between(0x4e00, 0x4e40), // few, so that they repeat
  between(0x4e00, 0x9fff),
  between(0x3041, 0x3096),
  between(0x30a1, 0x30fa),
  between(0xac00, 0xd7a3),
  between(0x0e01, 0x0e2e),
  between(0x20000, 0x2a6df),
);
const words = fc.constantFrom("kelp", "Ünï", "running", "3", " ", "\n", "，", "😀", "-", "مُ");

describe("any text", () => {
  it("is found by every part of what it has in a script without spaces", async () => {
    const { find, store, close } = await openSearch();
    await fc.assert(
      fc.asyncProperty(
        fc.array(unspaced, { minLength: 1, maxLength: 40 }),
        fc.nat(),
        fc.nat(),
        fc.string({ unit: words, maxLength: 5 }),
        async (characters, from, length, around) => {
          const start = from % characters.length;
          const part = characters.slice(start, start + 1 + (length % characters.length)).join("");
          const session = await store("海 noise", `${around}${characters.join("")}${around}`);
          expect((await find(session, part)).map(({ seq }) => seq)).toContain(2);
        },
      ),
      { numRuns: runs(150) },
    );
    await close();
  });

  it("is found by each of its words", async () => {
    const { find, store, close } = await openSearch();
    const text = fc.string({ unit: fc.oneof(words, unspaced, fc.string({ unit: "grapheme" })) });
    await fc.assert(
      fc.asyncProperty(text, async (content) => {
        fc.pre(content !== "" && content.isWellFormed() && !content.includes("\0"));
        const session = await store(content);
        for (const { start, end } of cut(content))
          expect(await find(session, content.slice(start, end))).toHaveLength(1);
      }),
      { numRuns: runs(100) },
    );
    await close();
  });

  it("may be a query: it gets an answer, or is refused for having no word", async () => {
    const { find, store, close } = await openSearch();
    const session = await store("The walrus sleeps.", "我的猫叫小白", "AND OR NOT NEAR");
    const syntax = fc.constantFrom(
      ..."\"'*^-+:(){},.\0 ",
      "NEAR(",
      " OR ",
      " AND ",
      " NOT ",
      "\ud800",
    );
    const query = fc.string({
      unit: fc.oneof(syntax, words, unspaced, fc.string({ unit: "binary" })),
    });
    await fc.assert(
      fc.asyncProperty(query, async (text) => {
        const answer = await find(session, text).catch((error: { code: string }) => error.code);
        if (typeof answer === "string") expect(["invalid", "limit"]).toContain(answer);
      }),
      { numRuns: runs(300) },
    );
    await close();
  });

  it("gives snippets that are short, whole and its own", () => {
    const text = fc.string({
      unit: fc.oneof(words, unspaced, fc.string({ unit: "grapheme" })),
      maxLength: 400,
    });
    fc.assert(
      fc.property(
        text,
        fc.string({ unit: fc.oneof(words, unspaced), maxLength: 3 }),
        (content, query) => {
          fc.pre(content.isWellFormed());
          const shown = snippet(content, new Matcher(terms(query)));
          expect(shown.isWellFormed()).toBe(true);
          expect(shown.length).toBeLessThan(300);
          const plain = (all: string): string => all.replace(/[\s*…]+/g, "");
          expect(plain(content)).toContain(plain(shown));
        },
      ),
    );
  });
});

it("English stems are those of SQLite's index", () => {
  const database = new Database(":memory:");
  database.exec(`CREATE VIRTUAL TABLE f USING fts5(t, tokenize = 'porter');
    CREATE VIRTUAL TABLE v USING fts5vocab(f, instance)`);
  const bases =
    "run hop fall agree relate vietnam digit operate hope condition communism adopt yes sky cry";
  const ends =
    "s es ed ing ly ational fulness ement ies ion ized iviti logi ousness e y er al ative";
  const list = bases
    .split(" ")
    .flatMap((base) => ["", ...ends.split(" ")].map((end) => base + end));
  const insert = database.prepare("INSERT INTO f(rowid, t) VALUES (?, ?)");
  for (const [i, word] of list.entries()) insert.run(i + 1, word);
  const theirs = database.prepare("SELECT term FROM v ORDER BY doc").pluck().all();
  expect(list.map(stem)).toEqual(theirs);
  database.close();
});

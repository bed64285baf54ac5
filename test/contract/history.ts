// The contract of HistoryStore: messages, pages, request keys, search. Not here: chat turns (turns.ts).
import { describe, expect, it } from "vitest";
import { HistorySearch } from "../../src/chat/history-search.ts";
import { newId } from "../../src/lib/ids.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { judgedCorpus } from "../search/judged/corpus.ts";
import { figuresOf, storeCorpus } from "../search/judged/figures.ts";
import { ANA, BOB, failure, MAX_AGE, newSession, type Open, say } from "./engine.ts";

const seqs = async (storage: Storage, id: string, limit: number, before?: number) =>
  (await storage.history.page(id, { limit, before })).messages.map(({ seq }) => seq);

const found = async (storage: Storage, id: string, ...words: string[]) =>
  (
    await storage.history.search({ session: id }, words.join(" "), {
      limit: 100,
      among: 1_000,
      before: 1_000,
    })
  ).map(({ message }) => message.content);

export function historyContract(open: Open): void {
  describe("history", () => {
    it("gives back messages as they were said, numbered 1, 2, 3 in each session", async () => {
      const { storage, clock } = await open();
      const [one, two] = [await newSession(storage), await newSession(storage)];
      const content = "Grüße 😀\n'quoted' \"twice\" \\ \u2028 <tag>";
      const first = {
        seq: 1,
        role: "tool",
        content,
        status: "complete",
        model: null,
        inputTokens: null,
        outputTokens: null,
        requestKey: null,
        createdAt: clock.now(),
        author: null,
      };
      expect(await storage.history.append(one.id, { role: "tool", content })).toEqual(first);
      expect(await say(storage, two.id, "elsewhere")).toMatchObject({ seq: 1 });
      expect(await say(storage, one.id, "second")).toMatchObject({ seq: 2 });
      expect((await storage.history.page(one.id, { limit: 9 })).messages).toMatchObject([
        first,
        { seq: 2, role: "user", content: "second" },
      ]);
    });

    it("numbers without gaps or doubles when many write at the same moment", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      const written = await Promise.all(
        Array.from({ length: 50 }, (_, n) => say(storage, id, `message ${n}`)),
      );
      expect(written.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
      // Each answer tells where its own message is.
      expect(
        (await storage.history.page(id, { limit: 50 })).messages.map(({ seq, content }) => [
          seq,
          content,
        ]),
      ).toEqual(written.map(({ seq, content }) => [seq, content]));
    });

    it("has no more messages than it may: one too many is refused, a repeated one is not", async () => {
      const { storage } = await open({ maxMessages: 2 });
      const [one, two] = [await newSession(storage), await newSession(storage)];
      await say(storage, one.id, "first");
      const last = { role: "user" as const, content: "last", requestKey: "k" };
      await storage.history.append(one.id, last);
      await expect(say(storage, one.id, "more")).rejects.toMatchObject(failure("limit"));
      expect(await storage.history.append(one.id, last)).toMatchObject({ seq: 2 });
      expect(await seqs(storage, one.id, 9)).toEqual([1, 2]);
      await say(storage, two.id, "elsewhere");
      await storage.sessions.clear(one.id, "history");
      expect(await say(storage, one.id, "anew")).toMatchObject({ seq: 1 });
    });

    it("is paged from the newest back, each page in order", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      for (let n = 0; n < 7; n += 1) await say(storage, id, `${n}`);
      expect(await seqs(storage, id, 3)).toEqual([5, 6, 7]);
      expect(await seqs(storage, id, 3, 5)).toEqual([2, 3, 4]);
      expect(await seqs(storage, id, 3, 2)).toEqual([1]);
      expect(await seqs(storage, id, 3, 1)).toEqual([]);
      expect(await seqs(storage, id, 100)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      expect(await seqs(storage, newId(), 3)).toEqual([]);
    });

    it("cannot be written in a session that is not there", async () => {
      const { storage } = await open();
      await expect(say(storage, newId(), "hello")).rejects.toMatchObject(failure("not_found"));
    });

    it("has a message once however often it comes with its request key", async () => {
      const { storage, clock } = await open();
      const { id } = await newSession(storage);
      const message = { role: "user", content: "once", requestKey: "r-1" } as const;
      const [first, twin] = await Promise.all([
        storage.history.append(id, message),
        storage.history.append(id, message),
      ]);
      await say(storage, id, "between");
      clock.advance(5);
      expect(twin).toEqual(first);
      expect(await storage.history.append(id, message)).toEqual(first);
      expect(await seqs(storage, id, 9)).toEqual([1, 2]);
      await say(storage, id, "once");
      await say(storage, id, "once");
      expect(await seqs(storage, id, 9)).toEqual([1, 2, 3, 4]); // without a key each is a new one
    });

    it("refuses a request key that another message has, in this session only", async () => {
      const { storage } = await open();
      const [one, two] = [await newSession(storage), await newSession(storage)];
      const requestKey = "r-1";
      await storage.history.append(one.id, { role: "user", content: "first", requestKey });
      const second = { role: "user", content: "second", requestKey } as const;
      await expect(storage.history.append(one.id, second)).rejects.toMatchObject(
        failure("conflict"),
      );
      expect(await seqs(storage, one.id, 9)).toEqual([1]);
      expect(await storage.history.append(two.id, second)).toMatchObject({ seq: 1 });
    });

    it("frees request keys when it is cleared", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      const requestKey = "r-1";
      await storage.history.append(id, { role: "user", content: "first", requestKey });
      await storage.sessions.clear(id, "history");
      expect(
        await storage.history.append(id, { role: "user", content: "second", requestKey }),
      ).toMatchObject({ seq: 1, content: "second" });
    });
  });

  describe("the search of a history", () => {
    it("finds messages by any of the words, the best first, in its own session only", async () => {
      const { storage } = await open();
      const [one, two] = [await newSession(storage), await newSession(storage)];
      await say(storage, one.id, "The dog sleeps in the garden all day long, every day.");
      await say(storage, one.id, "My cat is called Ada; Ada is a black cat.");
      for (let n = 0; n < 10; n += 1) await say(storage, one.id, `Nothing to see, ${n}.`);
      await say(storage, two.id, "Another cat called Ada.");
      expect(await found(storage, one.id, "cat", "ada", "garden")).toEqual([
        "My cat is called Ada; Ada is a black cat.",
        "The dog sleeps in the garden all day long, every day.",
      ]);
      expect(await found(storage, one.id, "CAT")).toHaveLength(1);
      expect(await found(storage, one.id, "bird")).toEqual([]);
      expect(await found(storage, one.id)).toEqual([]);
    });

    it("keeps to the limit and to what was said before", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      for (let n = 0; n < 5; n += 1) await say(storage, id, `tea ${n}`);
      const search = (limit: number, before: number) =>
        storage.history.search({ session: id }, "tea", { limit, among: 1_000, before });
      expect(await search(2, 99)).toHaveLength(2);
      expect((await search(9, 3)).map(({ message }) => message.seq).toSorted()).toEqual([1, 2]);
    });

    it("finds accented words by plain ones, and the other way round", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      await say(storage, id, "Crème brûlée in Malmö");
      await say(storage, id, "creme brulee in Malmo");
      for (const word of ["creme", "crème", "Brûlée", "malmo", "MALMÖ", "malmo\u0308"])
        expect(await found(storage, id, word), word).toHaveLength(2);
    });

    it("finds word forms, and any part of what is written without spaces", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      const texts = ["She was running.", "我的猫叫小白", "nothing"];
      for (const text of texts) await say(storage, id, text);
      expect(await found(storage, id, "runs")).toEqual([texts[0]]);
      for (const part of ["猫", "小白", "的猫叫", texts[1]!])
        expect(await found(storage, id, part), part).toEqual([texts[1]]);
      expect(await found(storage, id, "我白")).toEqual([]);
    });

    it("covers what a principal owns or was given, unless it has expired", async () => {
      const { storage, clock } = await open();
      const [expired, own, shared, foreign] = [
        await newSession(storage),
        await newSession(storage, { title: "Own" }),
        await newSession(storage, { owner: BOB }),
        await newSession(storage, { owner: BOB }),
      ];
      await storage.sessions.grant(shared.id, { principal: ANA, access: "read" }, 9);
      for (const { id } of [expired, own, shared, foreign]) await say(storage, id, "a 猫");
      clock.advance(MAX_AGE);
      const living = [own, shared, foreign].map(({ id }): [string, number] => [id, clock.now()]);
      await storage.sessions.touch(new Map(living));
      const places = async (principal: string, query = "猫") => {
        const options = { limit: 9, among: 9 };
        const hits = await storage.history.search({ principal }, query, options);
        return hits.map(({ session, title }) => [session, title]);
      };
      const both = [
        [own.id, "Own"],
        [shared.id, "a 猫"],
      ];
      expect((await places(ANA)).toSorted()).toEqual(both.toSorted());
      expect(await places(BOB)).toHaveLength(2);
      expect(await places("eve")).toEqual([]);
      expect(await places("*")).toEqual([]);
      await storage.sessions.ungrant(shared.id, ANA);
      expect(await places(ANA)).toEqual([both[0]]);
    });

    it("of a word that very many messages have, lets the newest compete, and leaves out what it is told to", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      for (let n = 0; n < 8; n += 1) await say(storage, id, n === 6 ? "tea?" : `tea number ${n}`);
      await say(storage, id, "coffee");
      const search = async (query: string, more = {}) => {
        const options = { limit: 9, among: 3, ...more };
        const hits = await storage.history.search({ session: id }, query, options);
        return hits.map(({ message }) => message.seq).toSorted((a, b) => a - b);
      };
      expect(await search("tea")).toEqual([6, 7, 8]);
      expect(await search("tea", { except: { model: "m", prompt: "tea?" } })).toEqual([5, 6, 8]);
      expect(await search("tea", { before: 3 })).toEqual([1, 2]);
      expect(await search("number 0 coffee", { before: 9 })).toContain(1);
    });

    it("forgets what was cleared or deleted", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      await say(storage, id, "a secret");
      await storage.sessions.clear(id, "history");
      expect(await found(storage, id, "secret")).toEqual([]);
      await say(storage, id, "something else");
      expect(await found(storage, id, "secret", "else")).toEqual(["something else"]);
      await storage.sessions.delete(id);
      await newSession(storage, { id });
      expect(await found(storage, id, "else")).toEqual([]);
      expect(await storage.sessions.findById(id)).toBeDefined();
    });

    it.each([
      '"',
      '""',
      'te"a',
      "'; DROP TABLE messages; --",
      "(",
      ")))",
      "tea*",
      "content:tea",
      "{content}: tea",
      "tea OR cake",
      "NOT",
      "AND",
      "NEAR(tea cake, 2)",
      "^tea",
      "-tea",
      "+",
      "tea + cake",
      "*",
      "",
      " ",
      "\\",
      "%",
      "😀",
      "\u0301",
      "x".repeat(10_000),
    ])("takes %j as plain text, never as syntax", async (word) => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      await say(storage, id, "nothing of the kind");
      await say(storage, id, "bread");
      expect(await found(storage, id, word)).toEqual([]);
      expect(await found(storage, id, word, "bread")).toEqual(["bread"]);
      await say(storage, id, `so it says: ${word}.`);
      const hits = await found(storage, id, word);
      // Signs alone are no words; an emoji, and whatever has a letter, is found as it was said.
      expect(hits).toEqual(/[a-z😀]/iu.test(word) ? [`so it says: ${word}.`] : []);
    });

    it("finds what people ask for in ten languages, nearly always first", async () => {
      const { storage } = await open();
      const corpus = judgedCorpus(0);
      const search = new HistorySearch(storage.history, storage.state);
      const queries = corpus.queries.filter(({ kind }, i) => kind !== "phrase" && i % 4 === 0);
      const figures = await figuresOf(queries, await storeCorpus(storage, search, corpus));
      expect(figures.get("all")!.recall).toBeGreaterThan(0.95);
      expect(figures.get("all")!.mrr).toBeGreaterThan(0.95);
    });

    it.each([
      ["2027", "We met on June 12 2027"],
      ["4445557890", "Call +1 (444) 555-7890"],
      ["1200", "A picture of 1600x1200"],
      ["4567", "बिल ४५६७ रुपये है"],
      ["४७", "Room 47 is free"],
      ["GB82WEST12345698765432", "Pay to GB82 WEST 1234 5698 7654 32"],
      ["👋🏿", "👋 Dana"],
    ])("finds %s in: %s", async (query, text) => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      await say(storage, id, "Chapter 7 has 19 pages.");
      await say(storage, id, text);
      expect(await found(storage, id, query)).toEqual([text]);
    });

    it("finds a phrase word for word, whichever words stand in between elsewhere", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      for (const text of ["not to be or to be", "To be, or not to be!", "be or not to be to"])
        await say(storage, id, text);
      const options = { limit: 9, among: 99, phrases: ["to be or not to be"] };
      const hits = await storage.history.search({ session: id }, "", options);
      expect(hits.map(({ message }) => message.seq)).toEqual([2]);
    });

    it("keeps to a role, a time, a title, and leaves out what is excluded", async () => {
      const { storage, clock } = await open();
      const [one, other] = [
        await newSession(storage, { title: "Où est le thé" }),
        await newSession(storage, { title: "Other" }),
      ];
      const began = clock.now();
      for (const { id } of [one, other]) {
        await storage.history.append(id, { role: "user", content: "green tea" });
        clock.advance(1_000);
        await storage.history.append(id, { role: "assistant", content: "black tea, no sugar" });
        clock.advance(1_000);
      }
      const search = async (more: object, text = "tea") => {
        const hits = await storage.history.search({ principal: ANA }, text, {
          ...{ limit: 9, among: 99, ...more },
        });
        return hits.map(({ session, message }) => [session === one.id ? 1 : 2, message.seq]).sort();
      };
      expect(await search({ filters: { role: "user" } })).toEqual([
        [1, 1],
        [2, 1],
      ]);
      expect(await search({ filters: { since: began + 1_000, until: began + 2_000 } })).toEqual([
        [1, 2],
      ]);
      expect(await search({ filters: { title: ["the"] } })).toEqual([
        [1, 1],
        [1, 2],
        [2, 1],
        [2, 2],
      ]);
      expect(await search({ filters: { title: ["ou est"] } })).toEqual([
        [1, 1],
        [1, 2],
      ]);
      expect(await search({ filters: { title: ["nowhere"] } })).toEqual([]);
      expect(await search({ excluded: ["sugar"] })).toHaveLength(2);
      expect(await search({ excluded: ["no sugar", "green"] })).toEqual([]);
      expect(await search({ filters: { role: "assistant" } }, "")).toHaveLength(2);
    });
  });
}

// history_search as clients see it: what is found, in which order, how it is shown, and in whose sessions.
import { describe, expect, it } from "vitest";
import { connect, type TestClient, VERSIONS } from "../support/clients.ts";
import { openDatabase } from "../support/database.ts";
import { serveAtTime, serveHere } from "../support/here.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { ERAS, type Person, serveWithKeys } from "../support/people.ts";
import { codeOf } from "../support/raw.ts";

interface Hit {
  session: string;
  title: string | null;
  seq: number;
  role: string;
  snippet: string;
  score: number;
}

const start = async (): Promise<TestClient> => connect("v2", await serveHere());

const remember = async (client: TestClient, ...texts: string[]): Promise<void> => {
  for (const content of texts) await client.call("history_append", { role: "user", content });
};

const hits = async (client: TestClient, query: string, more = {}): Promise<Hit[]> => {
  const { data, isError, text } = await client.call("history_search", { query, ...more });
  expect(isError, text).toBe(false);
  return data.hits as Hit[];
};
const seqs = async (client: TestClient, query: string): Promise<number[]> =>
  (await hits(client, query)).map(({ seq }) => seq);

describe.each(VERSIONS)("the %s client", (version) => {
  it("finds messages with number, role, title and a snippet that shows why", async () => {
    const client = await connect(version, await serveHere());
    const opened = await client.call("session_open", { title: "Animals" });
    const { session } = opened.data;
    const note = (role: string, content: string) =>
      client.call("history_append", { session, role, content });
    await note("user", "The dog sleeps.");
    await note("assistant", "My cat, a black cat,\nis called Ada.");
    const answer = await client.call("history_search", { session, query: "CAT ada" });
    expect(answer.data).toEqual({
      session,
      hits: [
        {
          ...{ session, title: "Animals", owner: "local", access: "own" },
          ...{ seq: 2, role: "assistant", author: "local" },
          snippet: "My **cat**, a black **cat**, is called **Ada**.",
          score: expect.any(Number),
        },
      ],
      more: false,
    });
    expect(answer.text).toContain("#2 assistant: My **cat**");
  });

  it("searches all sessions in a call that names none; one session is its own or home", async () => {
    const client = await connect(version, await serveHere());
    for (const title of ["One", "Two"]) {
      const { session } = (await client.call("session_open", { title })).data;
      await client.call("history_append", { session, role: "user", content: `kelp in ${title}` });
    }
    const all = await hits(client, "kelp", { scope: "all" });
    expect(all.map(({ title }) => title).toSorted()).toEqual(["One", "Two"]);
    const one = await client.call("history_search", { query: "kelp" });
    expect(one.data.hits).toEqual([]);
    expect(one.text).toContain('scope "all"');
  });
});

it("a long run of characters without spaces is stored and found like any other", async () => {
  const { person } = await serveWithKeys();
  const ana = await person("ana");
  const content = `${"豆".repeat(200_000)}海`;
  const { session } = (await ana.call("history_append", { role: "user", content })).data;
  const found = await ana.call("history_search", { session, query: "豆海" });
  expect(found.data["hits"]).toHaveLength(1);
});

describe("ranking", () => {
  it("puts first what has more of the words, rarer ones, and more of them in less text", async () => {
    const client = await start();
    const filler = "and so on, as was said before, at some length and without much in it. ".repeat(
      4,
    );
    await remember(
      client,
      `The boiler is in the cellar. ${filler}`,
      "The boiler. The boiler!",
      "The key of the boiler hangs in the kitchen.",
      ...Array.from({ length: 20 }, (_, n) => `The kitchen has the number ${n}.`),
    );
    expect((await seqs(client, "key boiler")).slice(0, 3)).toEqual([3, 2, 1]);
    expect(await seqs(client, "boiler")).toEqual([2, 3, 1]);
    expect((await seqs(client, "the kitchen cellar"))[0]).toBe(1);
    const scores = (await hits(client, "the kitchen boiler", { limit: 50 })).map((h) => h.score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(Math.min(...scores)).toBeGreaterThan(0);
    const cut = await client.call("history_search", { query: "kitchen", limit: 4 });
    expect(cut.data).toMatchObject({ hits: { length: 4 }, more: true });
    expect(cut.text).toMatch(/^4 messages, the best first; more match less well\./);
  });

  it.each([
    [
      "a word that goes on as typed, before a shorter one twice",
      "Schlüssel Dachb",
      "Schlüssel und Dach, Schlüssel und noch ein Dach",
      "Der Schlüssel für den Dachboden liegt bei uns im Flur.",
    ],
    [
      "a word of Japanese, before its characters in a longer one",
      "針金 幹",
      "新幹線と針金の話をした。",
      "木の幹を針金で巻いておいた。",
    ],
  ])("puts first %s", async (_, query, other, best) => {
    const client = await start();
    await remember(client, best, other);
    expect(await seqs(client, query)).toEqual([1, 2]);
  });
});

describe("snippets", () => {
  it("are cut around the matches, in one line of bounded length", async () => {
    const client = await start();
    const long = "lorem ipsum\ndolor ".repeat(500);
    await remember(client, `${long} the walrus 😀 sleeps near the harbour ${long}`);
    const [hit] = await hits(client, "harbour walrus");
    expect(hit!.snippet).toMatch(/^….*the \*\*walrus\*\* 😀 sleeps near the \*\*harbour\*\* .*…$/);
    expect(hit!.snippet.length).toBeLessThan(320);
  });

  it("never cut a character in two", async () => {
    const client = await start();
    for (let shift = 0; shift < 4; shift++)
      await remember(client, `${"x".repeat(shift)}${"😀".repeat(300)}walrus${"👩‍👩‍👧".repeat(200)}`);
    const found = await hits(client, "walrus");
    expect(found).toHaveLength(4);
    for (const { snippet } of found) {
      expect(snippet).toContain("**walrus**");
      expect(snippet.isWellFormed()).toBe(true);
    }
  });
});

describe("words", () => {
  it.each([
    ["case", "WALRUS", "The walrus sleeps."],
    ["accents in the text", "cafe creme", "Ein Café crème"],
    ["accents in the query", "Café", "The cafe opens at nine."],
    ["combining accents", "Malmo\u0308", "Off to Malmö"],
    ["forms: run, running", "run", "She was running late."],
    ["forms: running, runs", "running", "He runs."],
    ["forms: mice stay mice", "mice", "Three mice"],
    ["Cyrillic", "елка", "Новогодняя Ёлка"],
    ["Arabic without its vowel points", "محمد", "مُحَمَّد"],
    ["Hindi", "हिन्दी", "मुझे हिन्दी आती है"],
    ["full-width letters", "ABC", "ＡＢＣ"],
    ["a word between signs", "walrus", "animal:walrus.png"],
    ["a number", "3", "pi is 3.14"],
    ["a letter before signs", "x", "then x++ follows"],
  ])("are found whatever their %s", async (_, query, text) => {
    const client = await start();
    await remember(client, "nothing of the kind", text);
    expect(await seqs(client, query)).toEqual([2]);
  });
});

describe("scripts without spaces", () => {
  const sentence = "我的猫叫小白，它住在北京。";

  it.each(["猫", "白", "我的", "小白", "我的猫叫小白", "住在北京", "北京", "它"])(
    "find the part %s",
    async (part) => {
      const client = await start();
      await remember(client, "狗很大", sentence);
      const [hit] = await hits(client, part);
      expect(hit).toMatchObject({ seq: 2 });
      expect(hit!.snippet).toContain(`**${part}**`);
    },
  );

  it("do not find characters that only stand apart, or across a sign", async () => {
    const client = await start();
    await remember(client, sentence, "白");
    for (const query of ["我白", "白它", "京北"]) expect(await seqs(client, query)).toEqual([]);
  });

  it("find by any two characters when the whole is nowhere", async () => {
    const client = await start();
    await remember(client, "天气很好", sentence);
    expect(await seqs(client, "我的猫叫什么名字")).toEqual([2]);
  });

  it.each([
    ["我的卧室有两个窗户", "臥室"],
    ["我的臥室有兩個窗戶", "卧室"],
    ["她的頭髮很長", "头发"],
    ["下一班列車什麼時候發車", "发车"],
    ["在台北買了裡外兩件", "里外"],
    ["我的臥室有兩個窗戶", '"卧室有两个"'],
    ["我的臥室有兩個窗戶", "窗户 -房租"],
  ])("find %s by the other script's %s", async (text, query) => {
    const client = await start();
    await remember(client, "房租，卧房，臥床", text);
    const [hit, ...others] = await hits(client, query);
    expect(hit).toMatchObject({ seq: 2, snippet: expect.stringContaining("**") });
    expect(others).toEqual([]);
  });

  it("leave out what is excluded, and find titles and facts, in both scripts", async () => {
    const client = await start();
    const { session } = (await client.call("session_open", { title: "臥室裝修" })).data;
    const note = (content: string) =>
      client.call("history_append", { session, role: "user", content });
    await note("窗簾選好了");
    await note("窗簾掛在臥室");
    await client.call("state_set", { session, key: "顏色", value: "綠色" });
    const found = async (query: string): Promise<number[]> =>
      (await hits(client, query, { session })).map(({ seq }) => seq);
    expect(await found("窗帘 -卧室")).toEqual([1]);
    expect(await found("窗帘 title:卧室")).toEqual([1, 2]);
    expect(await found("窗帘 title:厨房")).toEqual([]);
    const { data } = await client.call("history_search", { session, query: "颜色" });
    expect(data["facts"]).toMatchObject([{ key: "顏色" }]);
  });

  it("keep to the characters of Japanese, where another one is another word", async () => {
    const client = await start();
    await remember(client, "飛行機に乗る", "机の上に本がある");
    expect(await seqs(client, "机")).toEqual([2]);
  });

  it.each([
    ["Japanese", "東京タワーの写真がある", "タワー"],
    ["decomposed Kana", "か\u3099ぎ", "がぎ"],
    ["half-width Katakana", "ﾀﾜｰ", "タワー"],
    ["Korean with its endings", "고양이는 자요", "고양이"],
    ["decomposed Korean", "한국어".normalize("NFD"), "한국"],
    ["Thai", "ฉันรักแมวมาก", "แมว"],
    ["characters outside the first plane", "𠮷野家", "𠮷野"],
    ["mixed text", "用TypeScript写的server很快", "server很快"],
  ])("(%s)", async (_, text, query) => {
    const client = await start();
    await remember(client, "nothing", text);
    expect((await seqs(client, query))[0]).toBe(2);
  });
});

describe("a query", () => {
  it.each([
    ...['"', '""" OR "walrus', "walrus OR tiger", "NEAR(walrus tiger, 2)", "content:walrus"],
    ...["scope:walrus", "- walrus", "walrus*", "^walrus", "{content} : walrus", "walrus AND ("],
    ...["'; DROP TABLE messages; -- walrus", "😀 walrus"],
  ])("is text, never syntax: %j", async (query) => {
    const client = await start();
    await remember(client, "The walrus sleeps.", "Nothing else.");
    const answer = await client.call("history_search", { query });
    if (/walrus/.test(query)) expect(answer.data.hits).toMatchObject([{ seq: 1 }]);
    else expect(answer).toMatchObject({ isError: true, meta: { "holdfast/error": "invalid" } });
  });

  it.each([undefined, null, ""])(
    "that is left out finds nothing, and is told how to go on: %j",
    async (query) => {
      const client = await start();
      await remember(client, "The walrus sleeps.");
      const answer = await client.call("history_search", { query });
      expect(answer).toMatchObject({ isError: false, data: { hits: [], more: false } });
      expect(answer.text).toContain("`query` takes words");
    },
  );

  it.each(["   ", "?!… — «»", "\u0301"])("without any word is refused: %j", async (query) => {
    const client = await start();
    await remember(client, "The walrus sleeps. 😀");
    const answer = await client.call("history_search", { query });
    expect(answer).toMatchObject({ isError: true, meta: { "holdfast/error": "invalid" } });
    expect(answer.text).toMatch(/^query: expected at least one word\./);
  });

  it("that is too long is refused with what is accepted", async () => {
    const client = await start();
    const answer = await client.call("history_search", { query: "walrus ".repeat(15_000) });
    expect(answer).toMatchObject({ isError: true, meta: { "holdfast/error": "invalid" } });
    expect(answer.text).toMatch(/^query: 105000 characters are too many; at most 1000/);
    await remember(client, "猫".repeat(2_000));
    expect(await seqs(client, "猫".repeat(1_000))).toEqual([1]);
  });

  it("that finds nothing is told what to do next", async () => {
    const client = await start();
    const one = await client.call("history_search", { query: "walrus" });
    expect(one.text).toMatch(/^Nothing in this session matches\..*scope "all"/);
    const all = await client.call("history_search", { query: "walrus", scope: "all" });
    expect(all.text).toMatch(/^Nothing in your sessions matches\..*session_list/);
  });
});

describe.each(ERAS)("scope all, in the era of %s", (era) => {
  const found = async (person: Person): Promise<unknown[]> => {
    const answer = await person.call("history_search", { query: "secret", scope: "all" });
    expect(answer.isError).toBe(false);
    return (answer.data["hits"] as Hit[]).map(({ session }) => session);
  };
  const tell = async (person: Person, more = {}): Promise<string> => {
    const { session } = (await person.call("session_open", more)).data;
    await person.call("history_append", { session, role: "user", content: "a secret" });
    return session as string;
  };

  it("covers one's own sessions and those that were shared, for an operator no more", async () => {
    const { person } = await serveWithKeys();
    const [ana, bob] = [await person("ana", era), await person("bob", era)];
    const [private_, shared] = [await tell(ana), await tell(ana)];
    const bobs = await tell(bob);
    await ana.call("session_share", { session: shared, principal: "bob" });
    await bob.call("session_accept", { session: shared });
    expect((await found(ana)).toSorted()).toEqual([private_, shared].toSorted());
    expect((await found(bob)).toSorted()).toEqual([bobs, shared].toSorted());
    expect(await found(await person("bob", era, "read"))).toHaveLength(2);
    expect(await found(await person("eve", era))).toEqual([]);
    expect(await found(await person("root", era, "admin"))).toEqual([]);
    await ana.call("session_unshare", { session: shared, principal: "bob" });
    expect(await found(bob)).toEqual([bobs]);
  });

  it("needs no more than the right to read; another's session stays unknown", async () => {
    const { person } = await serveWithKeys();
    const session = await tell(await person("ana", era));
    const reader = await person("ana", era, "read");
    const one = await reader.call("history_search", { session, query: "secret" });
    expect(one.data["hits"]).toMatchObject([{ session, seq: 1 }]);
    for (const scope of ["session", "all"]) {
      const eve = await person("eve", era);
      const refused = await eve.call("history_search", { session, query: "secret", scope });
      expect(codeOf(refused)).toBe("not_found");
    }
  });
});

describe("what is gone", () => {
  it("is not found: cleared, deleted or expired", async () => {
    const clock = new ManualClock();
    const { url, folder } = await serveAtTime(clock, { "max-age": "1h" });
    const client = await connect("auto", { url });
    const sessions: string[] = [];
    for (const name of ["kept", "cleared", "deleted", "expired"]) {
      const { session } = (await client.call("session_open", { name })).data;
      await client.call("history_append", { session, role: "user", content: `kelp 海带 ${name}` });
      sessions.push(session as string);
    }
    const [kept, cleared, deleted, expired] = sessions;
    await client.call("session_clear", { session: cleared });
    await client.call("session_delete", { session: deleted });
    openDatabase(folder, { readonly: false })
      .prepare("UPDATE sessions SET last_active_at = 1 WHERE id = ?")
      .run(expired);
    for (const query of ["kelp", "海带"])
      expect(await hits(client, query, { scope: "all" })).toMatchObject([{ session: kept }]);
    await client.call("history_append", { session: cleared, role: "user", content: "anew" });
    expect(await hits(client, "kelp", { session: cleared })).toEqual([]);
  });
});

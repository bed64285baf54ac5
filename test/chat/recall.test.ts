// Chat with no model configured: it says what it is, quotes the conversation with its numbers, and takes any prompt.
import { describe, expect, it } from "vitest";
import { connect, type TestClient } from "../support/clients.ts";
import { serveCommand } from "../support/command.ts";
import { temporaryFolder } from "../support/folder.ts";

const start = async (): Promise<TestClient> =>
  connect("v2", await serveCommand({ folder: temporaryFolder() }));

const NOTHING = "Nothing earlier in this conversation matches. What you said is stored.";

/** The numbers of the messages that an answer quotes, in its order. */
const quoted = (text: string): number[] =>
  [...text.matchAll(/^#(\d+) /gm)].map(([, seq]) => Number(seq));

const remember = async (client: TestClient, ...facts: string[]): Promise<void> => {
  for (const content of facts) await client.call("history_append", { role: "user", content });
};

describe("recall", () => {
  it("says in one line that it is no model and which settings bring one", async () => {
    const client = await start();
    const { text, data, isError } = await client.call("chat", { prompt: "Hello" });
    expect(isError).toBe(false);
    expect(text.split("\n")).toEqual([
      expect.stringMatching(/No language model is configured.*\bmodel-url\b.*\bmodel\b/),
      NOTHING,
    ]);
    expect(data).toMatchObject({
      model: "recall",
      question_seq: 1,
      answer_seq: 2,
      usage: { input_tokens: null, output_tokens: null },
    });
  });

  it("quotes the best matches first, with number and role, at most three", async () => {
    const client = await start();
    await remember(client, "The boiler is in the cellar.", "Tea at five.");
    await client.call("history_append", {
      role: "assistant",
      content: "The key of the boiler hangs in the kitchen.",
    });
    await remember(client, "A boiler needs water.", "Every boiler makes noise.", "Nothing else.");
    const { text } = await client.call("chat", { prompt: "Where is the key of the boiler?" });
    const [, best, ...others] = text.split("\n");
    expect(best).toBe("#3 assistant: “The key of the boiler hangs in the kitchen.”");
    expect(others).toHaveLength(2);
    expect(others[0]).toBe("#1 user: “The boiler is in the cellar.”");
    expect(quoted(text)).not.toContain(2);
  });

  it("shows a long message in one line, cut", async () => {
    const client = await start();
    await remember(client, `A walrus\n\n${"is big. ".repeat(100)}`);
    const { text } = await client.call("chat", { prompt: "walrus" });
    expect(text.split("\n")[1]).toMatch(/^#1 user: “A walrus is big\. .*…”$/);
    expect(text.length).toBeLessThan(600);
  });

  it("says at length once in a conversation that it is no model, and in three words later", async () => {
    const client = await start();
    const lines = async (): Promise<string[]> =>
      (await client.call("chat", { prompt: "Hello" })).text.split("\n");
    expect((await lines())[0]).toContain("Set model-url");
    for (let turn = 0; turn < 2; turn += 1)
      expect(await lines()).toEqual(["(recall, no language model:)", NOTHING]);
  });

  it("tears no Markdown", async () => {
    const client = await start();
    const words = "is big. ".repeat(36).trim();
    await remember(client, `A **walrus ${words} and old** indeed.`, "```js\nconst crab = 1;\n```");
    expect((await client.call("chat", { prompt: "walrus" })).text).toMatch(/^#1 user: “.*\*\*…”$/m);
    const { text } = await client.call("chat", { prompt: "crab" });
    expect(text).toContain("#2 user: “const crab = 1;”");
  });

  it("never quotes its own earlier answers", async () => {
    const client = await start();
    await remember(client, "The walrus sleeps.");
    await client.call("chat", { prompt: "Hello" });
    // The words of its own notice, which nobody else has said.
    const about = await client.call("chat", { prompt: "language configured" });
    expect(about.text).toContain(NOTHING);
    await client.call("chat", { prompt: "Where is the walrus?" });
    const seqs = quoted((await client.call("chat", { prompt: "walrus recall" })).text);
    expect(seqs).toContain(1);
    expect(seqs.filter((seq) => [3, 5, 7].includes(seq))).toEqual([]);
  });

  it("still quotes the fact when the same question was asked many times", async () => {
    const client = await start();
    await remember(client, "My cat is called Ada.");
    for (let turn = 0; turn < 5; turn++) {
      const { text } = await client.call("chat", { prompt: "What is my cat called?" });
      expect(text, `time ${turn + 1}`).toContain("#1 user: “My cat is called Ada.”");
    }
  });

  it("quotes nothing from another session", async () => {
    const client = await start();
    const { session } = (await client.call("session_open")).data;
    await client.call("history_append", { session, role: "user", content: "The walrus sleeps." });
    expect((await client.call("chat", { prompt: "walrus" })).text).toContain(NOTHING);
    expect((await client.call("chat", { session, prompt: "walrus" })).text).toContain("#1 user");
  });

  it("finds words whatever their case and accents", async () => {
    const client = await start();
    await remember(client, "Das Café öffnet um neun.");
    expect((await client.call("chat", { prompt: "CAFE?" })).text).toContain("#1 user: “Das Café");
  });
});

describe("the prompt is data, never query syntax", () => {
  const prompts = [
    '"',
    '""" OR "walrus',
    "walrus OR tiger",
    "NEAR(walrus tiger, 2)",
    "content: walrus",
    "rowid:1 -walrus",
    "walrus*",
    "It's 3.14 o'clock, walrus",
    "^walrus",
    "{content} : walrus",
    "NOT walrus AND (",
    "'; DROP TABLE messages; --",
    "walrus) UNION SELECT * FROM sessions",
    "messages_fts",
  ];

  it("gives each of them an answer, and the history is intact afterwards", async () => {
    const client = await start();
    for (const prompt of prompts) {
      const { session } = (await client.call("session_open")).data;
      await client.call("history_append", { session, role: "user", content: "The walrus sleeps." });
      const { text, isError } = await client.call("chat", { session, prompt });
      expect(isError, `${prompt}: ${text}`).toBe(false);
      expect(quoted(text), prompt).toEqual(prompt.includes("walrus") ? [1] : []);
      expect((await client.call("history_get", { session })).data.messages).toMatchObject([
        { content: "The walrus sleeps." },
        { content: prompt },
        { content: text },
      ]);
    }
  });

  it("finds the words on both sides of a colon, a dot or an apostrophe", async () => {
    const client = await start();
    for (const prompt of ["animal:walrus", "walrus.png", "walrus's"]) {
      const { session } = (await client.call("session_open")).data;
      await client.call("history_append", { session, role: "user", content: "The walrus sleeps." });
      const { text } = await client.call("chat", { session, prompt });
      expect(quoted(text), prompt).toEqual([1]);
    }
  });

  it("does not run its operators: NOT, a column filter and a minus exclude nothing", async () => {
    const client = await start();
    for (const prompt of ["tiger NOT walrus", "tiger -walrus", "content:tiger walrus"]) {
      const { session } = (await client.call("session_open")).data;
      for (const content of ["The walrus sleeps.", "The tiger sleeps."])
        await client.call("history_append", { session, role: "user", content });
      const { text } = await client.call("chat", { session, prompt });
      expect(quoted(text).toSorted(), prompt).toEqual([1, 2]);
    }
  });
});

describe("a prompt in any language", () => {
  const unusual: Record<string, string> = {
    emoji: "🦭🦭",
    "emoji of several code points": "👩‍👩‍👧‍👦",
    spaces: "   ",
    punctuation: "?!… — «»",
    "combining marks": "\u0301\u0302",
    "right to left": "מה שלומך؟",
    "no spaces": "我的猫叫什么名字",
    "very long": "word ".repeat(20_000),
  };

  it("gets a definite answer, whatever it is made of", async () => {
    const client = await start();
    for (const [kind, prompt] of Object.entries(unusual)) {
      const { session } = (await client.call("session_open")).data;
      await client.call("history_append", { session, role: "user", content: "The walrus sleeps." });
      const { text, isError } = await client.call("chat", { session, prompt });
      expect(isError, kind).toBe(false);
      expect(text.split("\n")[1], kind).toBe(NOTHING);
    }
  });

  it("is refused when it is empty, saying what is expected", async () => {
    const { text, isError } = await (await start()).call("chat", { prompt: "" });
    expect(isError).toBe(true);
    expect(text).toContain("prompt: expected text that is not empty");
  });

  it("quotes a conversation in a script with spaces", async () => {
    const client = await start();
    await remember(client, "Мою кошку зовут Ада.", "Сегодня дождь.");
    const { text } = await client.call("chat", { prompt: "Как зовут мою кошку?" });
    expect(quoted(text)).toEqual([1]);
  });
});

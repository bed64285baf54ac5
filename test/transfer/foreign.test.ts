// Conversations of ChatGPT and Claude become sessions: the branch that was shown, in order, always under the same id.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { App } from "../../src/app/app.ts";
import { importFiles } from "../../src/cli/sessions/import.ts";
import { isId } from "../../src/lib/ids.ts";
import { temporaryFolder } from "../support/folder.ts";
import { chatGpt, claude, claudeMessage, file, node } from "../support/foreign.ts";
import { sitting } from "../support/terminal.ts";
import {
  appOn,
  exported,
  imported,
  outcomes,
  sessionFile,
  skippedOf,
} from "../support/transfer.ts";

interface Line {
  type: string;
  [key: string]: unknown;
}

const lines = async (app: App): Promise<Line[]> =>
  (await exported(app))
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);

/** `user: Hello`. */
async function transcript(app: App): Promise<string[]> {
  const all = await lines(app);
  return all
    .filter(({ type }) => type === "message")
    .map(({ role, content }) => `${role as string}: ${content as string}`);
}

async function read(...conversations: unknown[]): Promise<string[]> {
  const app = await appOn();
  await imported(app, file(...conversations));
  return transcript(app);
}

const faults = async (text: string): Promise<string[]> => {
  const app = await appOn();
  const error: unknown = await imported(app, text, { strict: true }).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ name: "AppError" });
  expect(await exported(app)).toBe("");
  return (error as Error).message.split("\n").slice(1);
};

const assistant = { role: "assistant" };

describe("ChatGPT's export", () => {
  it("with a conversation that no reader foresees comes in without it", async () => {
    const odd = { content_type: { toString: 1 } };
    const broken = chatGpt([node("a", null, [odd])], "a", { id: "c-2", conversation_id: "c-2" });
    const good = chatGpt([node("a", null, "Hello")], "a");
    expect(await read(broken, good)).toEqual(["user: Hello"]);
    expect(await skippedOf(await appOn(), file(broken, good))).toEqual([
      "conversation 1: has a field of a kind that is not expected",
    ]);
  });

  it("becomes sessions with title, times, roles and models", async () => {
    const app = await appOn();
    const conversation = chatGpt(
      [
        node("root", null, null),
        node("sys", "root", "", { role: "system" }),
        node("q", "sys", "What is kelp?"),
        node("a", "q", ["An alga 😀", "", "of the sea."], {
          ...assistant,
          ...{ at: 1_700_000_010, metadata: { model_slug: "gpt-4o" } },
        }),
      ],
      "a",
    );
    const [result] = await imported(app, file(conversation));
    expect(result).toMatchObject({ outcome: "imported", messages: 2, owner: "local" });
    const [head, question, answer] = await lines(app);
    expect(isId(result!.id)).toBe(true);
    expect(result!.id[14]).toBe("8");
    expect(head).toMatchObject({
      ...{ id: result!.id, title: "Reef", name: null, created_at: "2023-11-14T22:13:20.123Z" },
    });
    expect(question).toMatchObject({
      ...{ seq: 1, role: "user", content: "What is kelp?", model: null },
      created_at: "2023-11-14T22:13:20.500Z",
    });
    expect(answer).toMatchObject({
      ...{ seq: 2, role: "assistant", content: "An alga 😀\n\nof the sea.", model: "gpt-4o" },
    });
  });

  it("is followed from the current node up to the root, whatever else branches off", async () => {
    const nodes = [
      node("root", null, null),
      node("q", "root", "question"),
      node("a1", "q", "rejected", assistant),
      node("a2", "q", "kept", assistant),
      node("more", "a1", "never shown"),
    ];
    expect(await read(chatGpt(nodes, "a2"))).toEqual(["user: question", "assistant: kept"]);
    expect(await read(chatGpt(nodes, "more"))).toHaveLength(3);
  });

  it.each([null, "gone"])(
    "without a usable current node (%j) goes on to the latest leaf",
    async (current) => {
      const nodes = [
        node("q", null, "question"),
        node("old", "q", "old", { ...assistant, at: 1 }),
        node("new", "q", "new", { ...assistant, at: 2 }),
      ];
      expect(await read(chatGpt(nodes, current))).toEqual(["user: question", "assistant: new"]);
    },
  );

  it.each([
    ["a circle", [node("a", "b", "one"), node("b", "a", "two")], "b", ["one", "two"]],
    ["its own parent", [node("a", "a", "one")], "a", ["one"]],
    ["a parent that is missing", [node("b", "gone", "two")], "b", ["two"]],
    ["a circle only, and no current node", [node("a", "a", "one")], null, []],
    ["`__proto__` for a parent", [node("a", "__proto__", "one")], "a", ["one"]],
    ["`constructor` for a current node", [node("a", null, "one")], "constructor", ["one"]],
  ] as const)("with %s is read as far as it goes", async (_, nodes, current, texts) => {
    expect(await read(chatGpt([...nodes], current))).toEqual(texts.map((text) => `user: ${text}`));
  });

  it("with ten thousand messages in a row is read whole", async () => {
    const nodes = Array.from({ length: 10_000 }, (_, n) =>
      node(`${n}`, n === 0 ? null : `${n - 1}`, `message ${n}`),
    );
    const all = await read(chatGpt(nodes, "9999"));
    expect(all).toHaveLength(10_000);
    expect(all.at(-1)).toBe("user: message 9999");
  });

  it("names pictures, leaves out hidden messages and thoughts, and keeps what was spoken", async () => {
    const picture = { content_type: "image_asset_pointer", asset_pointer: "file://x" };
    const sound = { content_type: "audio_transcription", text: "said aloud" };
    const nodes = [
      node("1", null, "hidden", { metadata: { is_visually_hidden_from_conversation: true } }),
      node("2", "1", [picture, "look at this"], {}),
      node("3", "2", [picture], { metadata: { attachments: [{ name: "seal.png" }] } }),
      node("4", "3", "x", { ...assistant, content: { content_type: "thoughts", thoughts: [] } }),
      node("5", "4", [sound], assistant),
      node("6", "5", "x", {
        role: "tool",
        content: { content_type: "execution_output", text: "42" },
      }),
      node("7", "6", "x", { role: "alien" }),
    ];
    expect(await read(chatGpt(nodes, "7"))).toEqual([
      "user: look at this\n\n[image]",
      "user: [file: seal.png]",
      "assistant: said aloud",
      "tool: 42",
    ]);
  });

  it("with text that cannot be stored gets a stand-in for it", async () => {
    const nodes = [node("1", null, "a\0b\ud800c")];
    expect(await read(chatGpt(nodes, "1", { title: "\ud800".repeat(600) }))).toEqual([
      "user: a\uFFFDb\uFFFDc",
    ]);
  });

  it.each([
    ["no mapping", { ...chatGpt([], null), mapping: 7, chat_messages: undefined }, /mapping/],
    ["a list for a mapping", chatGpt([], null, { mapping: [] }), /mapping/],
    ["no id", chatGpt([], null, { id: null, conversation_id: null }), /no id/],
  ])("with %s is skipped, and named; strictly it is refused whole", async (_, wrong, message) => {
    const good = chatGpt([node("1", null, "hello")], "1", { conversation_id: "good" });
    expect(await read(good, wrong, null)).toEqual(["user: hello"]);
    const told = await faults(file(good, wrong, null));
    expect(told).toHaveLength(2);
    expect(told[0]).toMatch(/^conversation 2: /);
    expect(told[0]).toMatch(message);
    expect(told[1]).toMatch(/^conversation 3: /);
  });

  it.each([
    ["no author", { author: undefined }, "it has no author"],
    ["an author that is null", { author: null }, "it has no author"],
    ["a role of a wrong kind", { author: { role: 7 } }, "it has no author"],
    ["an unknown role", { author: { role: "critic" } }, 'its role "critic" is unknown'],
    ["a number for content", { content: 7 }, "its content is of an unknown form"],
  ])("goes on around a message with %s", async (_, odd, reason) => {
    const [id, value] = node("b", "a", "odd") as [string, { message: object }];
    const nodes: [string, object][] = [
      node("a", null, "question"),
      [id, { ...value, message: { ...value.message, ...odd } }],
      node("c", "b", "answer", assistant),
    ];
    const conversation = chatGpt(nodes, "c");
    expect(await read(conversation)).toEqual(["user: question", "assistant: answer"]);
    expect(await skippedOf(await appOn(), file(conversation))).toEqual([
      expect.stringContaining(`conversation 1: message b: ${reason}`),
    ]);
  });

  it("begins behind a node that is null, and takes a text for content", async () => {
    const [id, value] = node("b", "a", "") as [string, { message: object }];
    const nodes: [string, object][] = [
      ["a", null as unknown as object],
      [id, { ...value, message: { ...value.message, content: "plain" } }],
    ];
    expect(await read(chatGpt(nodes, "b"))).toEqual(["user: plain"]);
  });

  it("with oddities that do not matter is taken whole", async () => {
    const nodes = [node("a", null, "hello", { metadata: "none" as unknown as object })];
    const odd = { title: 7, conversation_id: 7, update_time: {}, current_node: 7 };
    const app = await appOn();
    expect(await skippedOf(app, file(chatGpt(nodes, "a", odd)))).toEqual([]);
    expect(await read(chatGpt(nodes, "a", odd))).toEqual(["user: hello"]);
  });
});

describe("Claude's export", () => {
  it("becomes sessions with title, times and roles, the text of files or their names", async () => {
    const app = await appOn();
    const conversation = claude([
      claudeMessage("human", "What is kelp?", {
        attachments: [{ file_name: "sea.txt", extracted_content: "…" }],
        files: [{ file_name: "sea.txt" }, { file_name: "p.png" }],
      }),
      claudeMessage("assistant", "older", {
        content: [
          { type: "thinking", thinking: "hm" },
          { type: "text", text: "An alga" },
          { type: "tool_use", name: "x" },
          { type: "text", text: "of the sea." },
        ],
      }),
      claudeMessage("assistant", "text alone", { content: undefined }),
      claudeMessage("human", "", { content: [] }),
    ]);
    const [result] = await imported(app, file(conversation));
    expect(result).toMatchObject({ outcome: "imported", messages: 3 });
    const [head, first] = await lines(app);
    expect(head).toMatchObject({ title: "Reef", created_at: "2025-03-04T05:06:00.000Z" });
    expect(first).toMatchObject({ created_at: "2025-03-04T05:06:07.123Z" });
    expect(await transcript(app)).toEqual([
      "user: What is kelp?\n\n[file: sea.txt]\n```\n…\n```\n\n[file: p.png]",
      "assistant: An alga\n\nof the sea.",
      "assistant: text alone",
    ]);
  });

  it.each([
    ["no messages", claude([], { chat_messages: {} })],
    ["messages that are null", claude([], { chat_messages: null })],
    ["no id", claude([], { uuid: "" })],
  ])("with %s is skipped; strictly, or alone in its file, it is refused", async (_, wrong) => {
    const good = claude([claudeMessage("human", "hello")], { uuid: "good" });
    expect(await read(good, wrong)).toEqual(["user: hello"]);
    expect(await faults(file(good, wrong))).toEqual([expect.stringMatching(/^conversation 2: /)]);
    await expect(imported(await appOn(), file(wrong))).rejects.toMatchObject({ code: "invalid" });
  });

  it.each([
    ["that is a number", 7, "is no object"],
    ["whose sender is null", { sender: null }, "it has no sender"],
    ["without a sender", { sender: undefined }, "it has no sender"],
    ["of an unknown sender", { sender: "critic" }, 'its sender "critic" is unknown'],
    ["with a number for text", { text: 7, content: [] }, "text: expected text"],
  ])("goes on around a message %s", async (_, odd, reason) => {
    const wrong = typeof odd === "number" ? odd : { ...claudeMessage("human", "x"), ...odd };
    const messages = [claudeMessage("human", "hi"), wrong, claudeMessage("assistant", "hello")];
    const conversation = claude(messages as object[]);
    expect(await read(conversation)).toEqual(["user: hi", "assistant: hello"]);
    expect(await skippedOf(await appOn(), file(conversation))).toEqual([
      expect.stringContaining(`conversation 1: message 2: ${reason}`),
    ]);
  });
});

describe.each([
  ["ChatGPT", (n: number) => chatGpt(many(n), `${n}`)],
  [
    "Claude",
    (n: number) => claude(Array.from({ length: n }, (_, k) => claudeMessage("human", `${k}`))),
  ],
])("importing %s's export twice", (_, conversation) => {
  it("changes nothing; one that has grown since is continued, one that grew here is left alone", async () => {
    const app = await appOn();
    const result = async (n: number) => (await imported(app, file(conversation(n))))[0]!;
    const first = await result(3);
    expect(first).toMatchObject({ outcome: "imported", messages: 3 });
    const before = await exported(app);
    expect(await result(3)).toMatchObject({ outcome: "unchanged", id: first.id });
    expect(await exported(app)).toBe(before);
    expect(await result(5)).toMatchObject({ outcome: "continued", messages: 2 });
    expect(await result(4)).toMatchObject({ outcome: "behind" });
    expect(await transcript(app)).toHaveLength(5);
  });

  it("gives every principal a session of its own", async () => {
    const app = await appOn();
    const mine = await imported(app, file(conversation(1)));
    const others = await imported(app, file(conversation(1)), { principal: "ana" });
    expect(outcomes([...mine, ...others])).toEqual(["imported", "imported"]);
    expect(mine[0]!.id).not.toBe(others[0]!.id);
  });
});

const many = (n: number): [string, object][] =>
  Array.from({ length: n }, (_, k) => node(`${k + 1}`, k === 0 ? null : `${k}`, `${k}`));

it("of a conversation that is there twice the longer one comes in", async () => {
  const old = chatGpt(many(1), "1");
  const grown = chatGpt(many(3), "3", { update_time: 1_800_000_000 });
  expect(await faults(file(grown, old))).toEqual([
    "conversation 2: its id is that of conversation 1, which is kept",
  ]);
  expect(await faults(file(old, grown))).toEqual([
    "conversation 1: its id is that of conversation 2, which is kept",
  ]);
  expect(await read(old, grown, old)).toHaveLength(3);
  const sameTime = chatGpt(many(2), "2");
  expect(await read(old, sameTime)).toHaveLength(2);
});

it("a conversation with nothing in it becomes no session", async () => {
  expect(await read(chatGpt([], null))).toEqual([]);
});

it("the command counts and names what it skips, in a rehearsal too, and --strict refuses it", async () => {
  const input = join(temporaryFolder(), "conversations.json");
  const odd = claude([claudeMessage("human", "hi"), claudeMessage("critic", "x")], { uuid: "2" });
  const none = claude([], { uuid: "3", name: "Bay\u001b[31m", chat_messages: null });
  writeFileSync(input, file(claude([claudeMessage("human", "hi")]), odd, none));
  const settings = { "data-dir": temporaryFolder() };
  const flags = { principal: "local", format: "auto" } as const;
  for (const dryRun of [true, false]) {
    const { terminal, output, errors } = sitting();
    await importFiles(settings, [input], { ...flags, dryRun }, terminal);
    expect(await output()).toBe(
      `${dryRun ? "Would import" : "Imported"} 2 sessions (2 messages), ` +
        "1 skipped: 1 that cannot be taken in, 1 single message skipped.\n",
    );
    expect(await errors()).toBe(
      'Skipped conversation 2: message 2 (Reef): its sender "critic" is unknown.\n' +
        "Skipped conversation 3 (Bay): chat_messages: expected a list.\n",
    );
  }
  const { terminal, output } = sitting();
  await importFiles(settings, [input], { ...flags, json: true }, terminal);
  expect(JSON.parse(await output())).toMatchObject({
    unchanged: 2,
    skipped: [
      { conversation: 2, id: "2", title: "Reef", message: "2" },
      { conversation: 3, id: "3", message: null },
    ],
  });
  await expect(
    importFiles(settings, [input], { ...flags, strict: true }, terminal),
  ).rejects.toThrow("Nothing was imported, because of 2 faults");
});

it.each([
  "[]",
  "[1,2]",
  "{}",
  '{"a":1}',
  '"text"',
  "7",
  "nothing at all",
  "[",
  "[".repeat(100_000),
])("a file of no known format is refused: %.20s", async (text) => {
  const app = await appOn();
  await expect(imported(app, text)).rejects.toMatchObject({ name: "AppError", code: "invalid" });
});

it("a format that is named wrongly is refused", async () => {
  const app = await appOn();
  for (const format of ["chatgpt", "claude"] as const)
    await expect(imported(app, sessionFile(1), { format })).rejects.toMatchObject({
      code: "invalid",
    });
  const other = file(claude([claudeMessage("human", "hi")]));
  await expect(imported(app, other, { format: "chatgpt" })).rejects.toMatchObject({
    code: "invalid",
  });
});

describe("a conversation that went on differently since its last import", () => {
  const talk = (...texts: string[]): object =>
    claude(
      texts.map((text, n) => claudeMessage(n % 2 === 0 ? "human" : "assistant", text)),
      { name: "Reef" },
    );
  const first = talk("q1", "a1", "q2", "a2");
  const again = talk("q1", "a1", "q2", "another a2", "q3");

  it("comes in as a branch beside the first, which stays as it was", async () => {
    const app = await appOn();
    const [before] = await imported(app, file(first));
    const [planned] = await imported(app, file(again), { dryRun: true });
    const [branch] = await imported(app, file(again));
    expect(planned).toEqual(branch);
    expect(branch).toMatchObject({
      ...{ outcome: "imported", messages: 5, label: "Reef (branch 2)", branchOf: before!.id },
    });
    expect(branch!.id).not.toBe(before!.id);
    const all = (await transcript(app)).toSorted();
    expect(all).toEqual(
      [
        ...["user: q1", "assistant: a1", "user: q2", "assistant: a2"],
        ...["user: q1", "assistant: a1", "user: q2", "assistant: another a2", "user: q3"],
      ].toSorted(),
    );
  });

  it("is found again by each of its branches, and continued", async () => {
    const app = await appOn();
    await imported(app, file(first));
    const [branch] = await imported(app, file(again));
    const outcome = async (one: object) => (await imported(app, file(one)))[0];
    expect(await outcome(again)).toMatchObject({ outcome: "unchanged", id: branch!.id });
    expect(await outcome(first)).toMatchObject({ outcome: "unchanged", label: "Reef" });
    const longer = talk("q1", "a1", "q2", "another a2", "q3", "a3");
    expect(await outcome(longer)).toMatchObject({ outcome: "continued", id: branch!.id });
    expect(await outcome(talk("q0"))).toMatchObject({ label: "Reef (branch 3)", messages: 1 });
  });

  it("comes in beside the older one from the same files, in any order", async () => {
    const outcome = async (...talks: object[]) => {
      const app = await appOn();
      const results = await imported(app, file(...talks));
      return results.map(({ outcome: what, label }) => `${what} ${label}`);
    };
    const older = { ...first, updated_at: "2025-03-04T06:00:00Z" };
    const both = ["imported Reef", "imported Reef (branch 2)"];
    expect(await outcome(older, again)).toEqual(both);
    expect(await outcome(again, talk("q1", "a1"), older)).toEqual(both);
    expect(await outcome(first, talk("q1", "a1", "q2", "a2", "q3"))).toEqual(["imported Reef"]);
  });

  it("is the same when only the models' names differ, or the times", async () => {
    const app = await appOn();
    const named = (model: string, at: number): object =>
      chatGpt(
        [
          node("q", null, "question"),
          node("a", "q", "answer", { ...assistant, at, metadata: { model_slug: model } }),
        ],
        "a",
      );
    await imported(app, file(named("gpt-4o", 1_700_000_001)));
    expect(outcomes(await imported(app, file(named("gpt-5", 1_700_000_002))))).toEqual([
      "unchanged",
    ]);
  });

  it("is told by the command, which succeeds", async () => {
    const settings = { "data-dir": temporaryFolder() };
    const path = join(temporaryFolder(), "a.json");
    const flags = { principal: "local", format: "auto" } as const;
    writeFileSync(path, file(first));
    await importFiles(settings, [path], flags, sitting().terminal);
    writeFileSync(path, file(again));
    const { terminal, output } = sitting();
    await importFiles(settings, [path], flags, terminal);
    expect(await output()).toMatch(
      /^Imported 1 session \(5 messages\)\.\n\S+ is "Reef \(branch 2\)": the conversation of \S+ went on differently\.\n/,
    );
  });
});

// Chats of programs that keep them on a person's own machine, in the shapes of their files.
import { expect, it } from "vitest";
import { folderOf } from "../support/folder.ts";
import { linesIn, read, shown } from "../support/shown.ts";
import { appOn, imported, jsonl, outcomes, skippedOf } from "../support/transfer.ts";
import { zip } from "../support/zip.ts";

const AT = 1_756_720_800_000;
const ISO = new Date(AT).toISOString();

const version = (role: string, content: object[]): object => ({
  type: "singleStep",
  role,
  content,
});
const block = (text: string, style?: string): object => ({
  ...{ type: "contentBlock", stepIdentifier: "s", content: [{ type: "text", text }] },
  ...(style !== undefined && { style: { type: style, ended: true } }),
});
const lmStudio = (...messages: object[]): string =>
  JSON.stringify({
    ...{ name: "Tides", pinned: false, createdAt: AT, tokenCount: 9, systemPrompt: "Be brief." },
    ...{ messages, lastUsedModel: { identifier: "qwen3-8b" }, userLastMessagedAt: AT + 1 },
  });

it("LM Studio: the shown version of each message, without thoughts", async () => {
  const asked = [
    { type: "text", text: "When?" },
    { type: "file", fileIdentifier: "1.png", fileType: "image", sizeBytes: 1 },
  ];
  const steps = [
    block("hm", "thinking"),
    { type: "debugInfoBlock", debugInfo: "x" },
    { type: "requestConfirmToolCall", request: { name: "tide", parameters: { query: "today" } } },
    { type: "toolStatus", statusState: { status: { type: "toolCallSucceeded" } } },
    block("At six."),
  ];
  const answers = [
    { type: "multiStep", role: "assistant", steps: [block("An older answer")] },
    { type: "multiStep", role: "assistant", steps, senderInfo: { senderName: "gpt-oss-20b" } },
  ];
  const content = lmStudio(
    { versions: [version("user", asked)], currentlySelected: 0 },
    { versions: answers, currentlySelected: 1 },
    { versions: [] },
  );
  expect(await read(content)).toEqual([
    ...["# Tides", "> Be brief.", "user: When?\n\n[image]"],
    "assistant (gpt-oss-20b): [tide: today]\n\nAt six.",
  ]);
  expect(await skippedOf(await appOn(), content)).toEqual([
    "conversation 1: message 3: has no versions",
  ]);
});

it("LM Studio: a chat that went on continues, and an empty one is no fault", async () => {
  const turn = { versions: [version("user", [{ type: "text", text: "When?" }])] };
  const more = { versions: [version("user", [{ type: "text", text: "And then?" }])] };
  const app = await appOn();
  expect(outcomes(await imported(app, lmStudio(turn)))).toEqual(["imported"]);
  expect(outcomes(await imported(app, lmStudio(turn, more)))).toEqual(["continued"]);
  expect(await imported(app, lmStudio())).toEqual([]);
});

it("TypingMind: all chats with their system prompts, pictures and times", async () => {
  const chat = {
    ...{
      id: "c",
      chatID: "c",
      chatTitle: "Tides",
      createdAt: ISO,
      updatedAt: ISO,
      model: "gpt-4o",
    },
    chatParams: { systemMessage: "Be brief." },
    messages: [
      {
        ...{ role: "user", createdAt: ISO, uuid: "1" },
        content: [
          { type: "text", text: "When?" },
          { type: "tm_image_file", image_url: {} },
        ],
      },
      { role: "assistant", content: "At six.", createdAt: ISO, uuid: "2", model: "o3" },
      { role: "tool", content: "x" },
      { type: "odd" },
    ],
  };
  const told = ["# Tides", "> Be brief.", "user: When?\n\n[image]", "assistant (o3): At six."];
  const content = JSON.stringify({ data: { chats: [chat, { chatID: "d" }], folders: [] } });
  expect(await read(content)).toEqual(told);
  expect(await read(JSON.stringify([chat]))).toEqual(told);
  expect(await skippedOf(await appOn(), content)).toEqual([
    "conversation 1: message 4: its role null is unknown",
  ]);
});

it("SillyTavern: the shown wording of each message, without the program's notes", async () => {
  const content = jsonl(
    {
      ...{ user_name: "Ana", character_name: "Captain", create_date: "2025-9-1 @10h 00m 00s 0ms" },
      chat_metadata: {},
    },
    {
      ...{ name: "Captain", is_user: false, is_system: false, mes: "Ahoy!", swipe_id: 1 },
      ...{ swipes: ["Hm.", "Ahoy!"], send_date: "September 1, 2025 10:01am" },
      extra: { model: "mistral", reasoning: "hm" },
    },
    { name: "System", is_user: false, is_system: true, mes: "Help", extra: { type: "help" } },
    { name: "Ana", is_user: true, mes: "Where to?", send_date: ISO, extra: { image: "a.png" } },
  );
  const app = await appOn();
  await imported(app, content);
  expect(await shown(app)).toEqual([
    expect.stringMatching(/^# Captain: Where to\?/),
    ...["assistant (mistral): Ahoy!", "user: Where to?\n\n[image]"],
  ]);
  const [session, first, second] = await linesIn(app);
  expect([session!.created_at, first!.created_at, second!.created_at]).toEqual([
    new Date(2025, 8, 1, 10, 0).toISOString(),
    new Date(2025, 8, 1, 10, 1).toISOString(),
    ISO,
  ]);
});

it("NextChat: all chats of a backup, with times whose order of day and month is known", async () => {
  const session = {
    ...{ id: "n", topic: "New Conversation", memoryPrompt: "x", lastUpdate: AT },
    mask: {
      context: [{ role: "system", content: "Be brief." }],
      modelConfig: { model: "gpt-4o-mini" },
    },
    messages: [
      {
        ...{ id: "1", role: "user", date: "9/1/2025, 10:00:00 AM" },
        content: [
          { type: "text", text: "When?" },
          { type: "image_url", image_url: { url: "data:" } },
        ],
      },
      { id: "2", role: "assistant", date: "01/09/2025, 10:00:00", content: "At six." },
    ],
  };
  const app = await appOn();
  const store = { sessions: [session, null], currentSessionIndex: 0 };
  await imported(app, JSON.stringify({ "chat-next-web-store": store, "app-config": {} }));
  expect(await shown(app)).toEqual([
    expect.stringMatching(/^# When\?/),
    ...["> Be brief.", "user: When?\n\n[image]", "assistant (gpt-4o-mini): At six."],
  ]);
  const at = new Date(2025, 8, 1, 10).toISOString();
  expect((await linesIn(app)).slice(1, 3).map(({ created_at }) => created_at)).toEqual([at, at]);
});

const said = (id: string, role: string, text: string, more: object[] = []): object => ({
  ...{ id, role, timestamp: AT, contentParts: [{ type: "text", text }, ...more] },
  ...(role === "assistant" && { model: "OpenAI (gpt-4o)" }),
});
const chatbox = (session: object): string =>
  JSON.stringify({
    __exported_items: ["conversations"],
    "chat-sessions-list": [{ id: "s", name: "Tides" }],
    "session:s": { id: "s", type: "chat", name: "Tides", ...session },
  });

it("Chatbox: threads are conversations, without thoughts and results", async () => {
  const parts = [
    { type: "reasoning", text: "hm" },
    {
      type: "tool-call",
      state: "result",
      toolName: "search",
      args: { query: "tide" },
      result: "x",
    },
    { type: "image", storageKey: "k" },
  ];
  const older = {
    id: "t",
    name: "Before",
    createdAt: AT - 1_000,
    messages: [said("0", "user", "Hi")],
  };
  const messages = [
    said("1", "system", "Be brief."),
    { ...said("2", "user", "When?"), files: [{ name: "log.txt" }] },
    said("3", "assistant", "At six.", parts),
    { ...said("4", "assistant", "Summary"), isSummary: true },
  ];
  const told = [
    ...["# Tides", "> Be brief.", "user: When?\n\n[file: log.txt]"],
    "assistant (OpenAI (gpt-4o)): At six.\n\n[search: tide]\n\n[image]",
  ];
  const all = await read(chatbox({ messages, threads: [older] }));
  expect(all).toEqual(["# Before", "user: Hi", ...told]);
  const alone = {
    __source: "chatbox",
    __version: 1,
    session: { id: "s", name: "Tides", messages },
  };
  expect(await read(JSON.stringify(alone))).toEqual(told);
  const list = {
    "chat-sessions": [
      { id: "s", name: "Old", messages: [{ id: "1", role: "user", content: "Hi" }] },
    ],
  };
  expect(await read(JSON.stringify(list))).toEqual(["# Old", "user: Hi"]);
});

it("Chatbox: a thread that another one follows stays the same session", async () => {
  const app = await appOn();
  const first = [said("1", "user", "When?")];
  await imported(app, chatbox({ messages: first }));
  const threads = [{ id: "t", name: "Tides", messages: first }];
  const later = chatbox({ messages: [said("2", "user", "Where?")], threads });
  expect(outcomes(await imported(app, later)).toSorted()).toEqual(["imported", "unchanged"]);
});

it("Jan: a thread's title, model and prompt come from the file beside its messages", async () => {
  const message = (role: string, ...content: object[]): object => ({
    ...{ id: role, object: "thread.message", thread_id: "jan_1", role, content, status: "ready" },
    created_at: AT / 1_000,
  });
  const text = (value: string): object => ({ type: "text", text: { value, annotations: [] } });
  const thread = {
    ...{ id: "jan_1", object: "thread", title: "Tides", created: AT / 1_000, updated: AT / 1_000 },
    assistants: [{ id: "jan", model: { id: "qwen3" }, instructions: "Be brief." }],
  };
  const image = { type: "image_url", image_url: { url: "data:" } };
  const folder = folderOf({
    "threads/jan_1/messages.jsonl": jsonl(
      message("user", text("When?"), image),
      message("assistant", { type: "reasoning", text: { value: "hm" } }, text("At six.")),
    ),
    "threads/jan_1/thread.json": JSON.stringify(thread, null, 2),
  });
  const app = await appOn();
  await using source = await app.transfer.open([folder], { format: "auto", owner: "local" });
  expect(source.skipped).toEqual([]);
  await Array.fromAsync(
    app.transfer.import(source.sessions, { ownerOf: () => "local", dryRun: false }),
  );
  expect(await shown(app)).toEqual([
    ...["# Tides", "> Be brief.", "user: When?\n\n[image]", "assistant (qwen3): At six."],
  ]);
});

const cherry = (state?: string): string => {
  const assistant = {
    ...{ id: "a", name: "Pilot", prompt: "Be brief." },
    topics: [{ id: "t", name: "Tides", createdAt: ISO, updatedAt: ISO }],
  };
  const messages = [
    { id: "1", role: "user", createdAt: ISO, blocks: ["b1", "b2"] },
    {
      id: "2",
      role: "assistant",
      createdAt: ISO,
      model: { id: "gpt-4o" },
      blocks: ["b3", "b4", "b5"],
    },
    { id: "3", role: "user", type: "clear", blocks: [] },
    { id: "4", role: "user", createdAt: ISO, content: "In an older form" },
  ];
  const message_blocks = [
    { id: "b1", messageId: "1", type: "main_text", content: "When?" },
    { id: "b2", messageId: "1", type: "file", file: { name: "x1.txt", origin_name: "log.txt" } },
    { id: "b3", messageId: "2", type: "thinking", content: "hm" },
    { id: "b4", messageId: "2", type: "tool", toolName: "search", arguments: { query: "tide" } },
    { id: "b5", messageId: "2", type: "main_text", content: "At six." },
  ];
  const assistants = JSON.stringify({ assistants: [assistant] });
  return JSON.stringify({
    ...{ time: AT, version: 5 },
    localStorage: { "persist:cherry-studio": state ?? JSON.stringify({ assistants }) },
    indexedDB: {
      topics: [
        { id: "t", messages },
        { id: "u", messages: [] },
      ],
      message_blocks,
    },
  });
};

it("Cherry Studio: topics of a backup, with names and prompts of their assistants", async () => {
  const told = [
    ...["# Tides", "> Be brief.", "user: When?\n\n[file: log.txt]"],
    ...["assistant (gpt-4o): [search: tide]\n\nAt six.", "user: In an older form"],
  ];
  expect(await read(cherry())).toEqual(told);
  expect(await read(zip({ "data.json": cherry(), "Data/Files/a.json": "{}" }))).toEqual(told);
});

it("Cherry Studio: a backup whose state is broken comes in without names", async () => {
  expect((await read(cherry("{"))).slice(0, 2)).toEqual([
    expect.stringMatching(/^# When\?/),
    "user: When?\n\n[file: log.txt]",
  ]);
});

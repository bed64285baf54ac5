// Conversations of other chats and of coding agents become sessions, as their own programs show them.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { whereOf } from "../../src/transfer/formats/skipped.ts";
import { temporaryFolder } from "../support/folder.ts";
import { chatGpt, claude, claudeMessage, file, node } from "../support/foreign.ts";
import { linesIn, read, shown } from "../support/shown.ts";
import { appOn, imported, jsonl, outcomes } from "../support/transfer.ts";
import { zip } from "../support/zip.ts";

it("ChatGPT: custom instructions, the canvas, code, marks of sources and the conversation's model", async () => {
  const assistant = { role: "assistant" };
  const nodes = [
    node("1", null, null, {}),
    node("2", "1", "x", {
      content: {
        content_type: "user_editable_context",
        user_profile: "About the user:\n```I sail.```",
        user_instructions: "Be brief.",
      },
    }),
    node("3", "2", "text", { content: { content_type: "text", parts: "Where?" } }),
    node(
      "4",
      "3",
      'In \uE200entity\uE202["bay","Sund"]\uE201\uE200cite\uE202turn0\uE201【3†a】, see \uE200url\uE202here\uE202https://example.org\uE201.\uE203',
      {
        ...assistant,
        metadata: {
          content_references: [{ matched_text: "\uE200cite\uE202turn0\uE201", alt: "" }],
        },
      },
    ),
    node("5", "4", "x", {
      ...assistant,
      content: { content_type: "code", text: "print(1)" },
    }),
    node("6", "5", '{"name":"Log","type":"document","content":"Fair wind."}', assistant),
    node("7", "6", '{"query":"wind"}', assistant),
  ] as [string, { message: { recipient: string } }][];
  nodes[4]![1].message.recipient = "python";
  nodes[5]![1].message.recipient = "canmore.create_textdoc";
  nodes[6]![1].message.recipient = "web.search";
  const conversation = chatGpt(nodes, "7", { title: null, default_model_slug: "gpt-5" });
  expect(await read(file(conversation))).toEqual([
    "# Where?",
    "> I sail.\n\nBe brief.",
    "user: Where?",
    "assistant (gpt-5): In Sund, see [here](https://example.org).",
    "assistant (gpt-5): ```python\nprint(1)\n```",
    "assistant (gpt-5): [Log]\n```\nFair wind.\n```",
  ]);
});

it("ChatGPT: a tree whose parents are missing is followed by its children", async () => {
  const orphan = (id: string, text: string, children: string[]): [string, object] => {
    const [key, value] = node(id, null, text);
    return [key, { ...value, children }];
  };
  const nodes = [orphan("1", "one", ["2"]), orphan("2", "two", ["3"]), orphan("3", "three", [])];
  const told = await read(file(chatGpt(nodes, "3")));
  expect(told).toEqual(["# Reef", "user: one", "user: two", "user: three"]);
});

it.each([
  ["as text", "1700000000.5"],
  ["in milliseconds", 1_700_000_000_500],
  ["in ISO text", "2023-11-14T22:13:20.500Z"],
])("times %s are understood", async (_, time) => {
  const app = await appOn();
  await imported(app, file(chatGpt([node("1", null, "hi", { at: time as number })], "1")));
  expect((await linesIn(app))[1]!.created_at).toBe("2023-11-14T22:13:20.500Z");
});

it("without any time a conversation gets that of its import, and a later import continues it", async () => {
  const app = await appOn();
  const none = { create_time: null, update_time: "" };
  const nodes = [node("1", null, "hi", { at: null }), node("2", "1", "more", { at: null })];
  await imported(app, file(chatGpt(nodes.slice(0, 1), "1", none)));
  expect(Date.parse((await linesIn(app))[0]!.created_at)).toBeGreaterThan(1.7e12);
  expect(outcomes(await imported(app, file(chatGpt(nodes, "2", none))))).toEqual(["continued"]);
  expect(outcomes(await imported(app, file(chatGpt(nodes, "2", none))))).toEqual(["unchanged"]);
});

it("Claude: the branch that is shown, artifacts, created files, voice notes and the project", async () => {
  const message = (uuid: string, parent: string, sender: string, text: string, more = {}): object =>
    claudeMessage(sender, text, { uuid, parent_message_uuid: parent, ...more });
  const tool = (name: string, input: object): object => ({ type: "tool_use", name, input });
  const conversation = claude(
    [
      message("1", "0", "human", "", { content: [{ type: "voice_note", text: "Draw a chart." }] }),
      message("2", "1", "assistant", "Rejected."),
      message("3", "1", "assistant", "", {
        content: [
          { type: "thinking", thinking: "hm" },
          { type: "text", text: "Here:" },
          tool("artifacts", { id: "c", title: "Chart", content: "sea ```x```", language: "svg" }),
          tool("artifacts", { id: "c", command: "update", old_str: "sea", new_str: "bay" }),
          tool("create_file", { path: "/tmp/log.md", file_text: "calm" }),
          tool("web_search", { query: "tides" }),
        ],
      }),
      message("4", "3", "human", "", {
        content: [],
        attachments: [{ extracted_content: "pasted" }, { file_name: "seal.png" }],
        files: [{ file_uuid: "f" }, { file_name: "seal.png", file_uuid: "s" }],
      }),
    ],
    { current_leaf_message_uuid: "4", project_uuid: "p", name: "" },
  );
  const project = { uuid: "p", name: "Harbour", prompt_template: "Use metres.", docs: [] };
  const archive = zip({ "conversations.json": file(conversation), "projects.json": file(project) });
  expect(await read(archive)).toEqual([
    "# Draw a chart.",
    "> Project: Harbour\n\nUse metres.",
    "user: Draw a chart.",
    "assistant: Here:\n\n[Chart]\n````svg\nsea ```x```\n````\n\n[Chart]\n````svg\nbay ```x```\n````\n\n" +
      "[/tmp/log.md]\n```\ncalm\n```",
    "user: [pasted text]\n```\npasted\n```\n\n[file: seal.png]\n\n[file]",
  ]);
});

it("thoughts in the text of an answer are left out where the program keeps them there", async () => {
  const texts = ["<think>hm</think>Ahoy", "Wrap it in <thinking> tags.", "<think>hm"];
  const messages = texts.map((content) => ({ role: "assistant", content }));
  const app = await appOn();
  const path = join(temporaryFolder(), "chat.json");
  writeFileSync(path, file({ id: "1", title: "Port", chat: { messages } }));
  await using source = await app.transfer.open([path], { format: "auto", owner: "local" });
  await Array.fromAsync(
    app.transfer.import(source.sessions, { ownerOf: () => "local", dryRun: false }),
  );
  expect(await shown(app)).toEqual(["# Port", "assistant: Ahoy", `assistant: ${texts[1]}`]);
  expect(source.skipped.map(whereOf)).toEqual(["conversation 1: message 3"]);
});

it("tags of thoughts are text where the program keeps thoughts apart", async () => {
  const texts = ["<think> opens the thoughts of a model.", "<think>hm</think>Ahoy"];
  const messages = texts.map((text) => claudeMessage("assistant", text));
  const expected = ["# Reef", ...texts.map((text) => `assistant: ${text}`)];
  expect(await read(file(claude(messages)))).toEqual(expected);
});

it("Claude: artifacts in the text of older exports", async () => {
  const text =
    '<antThinking>hm</antThinking>\nDone. <antArtifact identifier="a" title="Chart">sea</antArtifact>';
  expect(await read(file(claude([claudeMessage("assistant", text)])))).toEqual([
    "# Reef",
    "assistant: Done. [Chart]\n```\nsea\n```",
  ]);
});

it("DeepSeek: the answers without thoughts", async () => {
  const at = "2025-06-01T10:00:00+08:00";
  const say = (type: string, content: string): object => ({ type, content });
  const turn = (id: string, parent: string | null, fragments: object[], more = {}): object => ({
    ...{ id, parent, children: [] },
    message: { fragments, model: "deepseek-reasoner", inserted_at: at, files: [], ...more },
  });
  const conversation = {
    ...{ id: "d", title: "Kelp", inserted_at: at, updated_at: at },
    mapping: {
      root: { id: "root", parent: null, children: ["1"], message: null },
      1: turn("1", "root", [say("REQUEST", "What is kelp?")], { files: [{ file_name: "k.png" }] }),
      2: turn("2", "1", [say("THINK", "hm"), say("SEARCH", "x"), say("RESPONSE", "An alga.")]),
    },
  };
  expect(await read(file(conversation))).toEqual([
    "# Kelp",
    "user: What is kelp?\n\n[file: k.png]",
    "assistant (deepseek-reasoner): An alga.",
  ]);
  const older = { 1: { id: "1", parent: null, message: { role: "USER", content: "Older" } } };
  expect(await read(file({ ...conversation, mapping: older }))).toEqual(["# Kelp", "user: Older"]);
});

it("Open WebUI: the shown branch without thoughts, of all chats or of one", async () => {
  const messages = {
    a: { id: "a", parentId: null, childrenIds: ["b", "c"], role: "user", content: "Hi" },
    b: { id: "b", parentId: "a", childrenIds: [], role: "assistant", content: "Rejected" },
    c: {
      ...{ id: "c", parentId: "a", childrenIds: [], role: "assistant", model: "qwen3" },
      content:
        '<details type="reasoning" done="true">\n<summary>Thought</summary>hm</details>\nAhoy',
    },
  };
  const chat = {
    ...{ title: "Port", models: ["qwen3"], params: { system: "Be brief." } },
    history: { messages, currentId: "c" },
  };
  const expected = ["# Port", "> Be brief.", "user: Hi", "assistant (qwen3): Ahoy"];
  expect(await read(file({ id: "1", title: "Port", chat, created_at: 1_700_000_000 }))).toEqual(
    expected,
  );
  expect(await read(JSON.stringify(chat))).toEqual(expected);
  const old = { title: "Old", messages: [messages.a, messages.c] };
  expect(await read(file({ id: "1", chat: old }))).toEqual([
    ...["# Old", "user: Hi", "assistant (qwen3): Ahoy"],
  ]);
});

it("LibreChat: messages within messages, or in a list", async () => {
  const message = (messageId: string, isCreatedByUser: boolean, text: string, more: object) => ({
    ...{ messageId, isCreatedByUser, text, createdAt: "2025-01-01T00:00:00Z" },
    ...more,
  });
  const parts = [
    { type: "think", think: "hm" },
    { type: "text", text: { value: "Ahoy" } },
  ];
  const about = {
    conversationId: "l",
    title: "Port",
    options: { model: "m", promptPrefix: "Be brief." },
  };
  const answer = message("2", false, "", { content: parts, parentMessageId: "1", children: [] });
  const expected = ["# Port", "> Be brief.", "user: Hi", "assistant (m): Ahoy"];
  const nested = { ...about, messages: [message("1", true, "Hi", { children: [answer] })] };
  expect(await read(JSON.stringify(nested, null, 2))).toEqual(expected);
  const older = message("2", false, ":::thinking\nhm\n:::\n\nAhoy", { parentMessageId: "1" });
  const flat = { ...about, messages: [message("1", true, "Hi", {}), older] };
  expect(await read(JSON.stringify(flat))).toEqual(expected);
});

it("LobeChat: a conversation for each topic, and one for what is outside of topics", async () => {
  const message = (id: string, role: string, topicId: string | null, createdAt: number) => ({
    ...{ id, role, content: `${role} ${id}`, sessionId: "s", topicId, createdAt },
    extra: { fromModel: role === "assistant" ? "m" : undefined },
  });
  const state = {
    sessions: [{ id: "s", meta: { title: "Pilot" }, config: { systemRole: "Be brief." } }],
    topics: [{ id: "t", title: "Tides", sessionId: "s" }],
    messages: [
      message("2", "assistant", "t", 1_700_000_000_002),
      message("1", "user", "t", 1_700_000_000_001),
      message("3", "user", null, 1_700_000_000_003),
    ],
  };
  expect(await read(JSON.stringify({ exportType: "sessions", state, version: 7 }))).toEqual([
    ...["# Tides", "> Be brief.", "user: user 1", "assistant (m): assistant 2"],
    ...["# Pilot", "> Be brief.", "user: user 3"],
  ]);
});

it("Gemini: the questions of a day in order, with answers as Markdown", async () => {
  const entry = (title: string, time: string, html?: string): object => ({
    ...{ header: "Gemini Apps", title, time, products: ["Gemini Apps"] },
    ...(html !== undefined && { safeHtmlItem: [{ html }] }),
  });
  const activity = file(
    entry("Prompted And now?", "2025-02-03T10:05:00.000Z", "<p>Now <b>ebb</b>.</p>"),
    entry("Prompted High tide?", "2025-02-03T10:00:00.000Z", "<ul><li>Noon</li></ul>"),
    entry("Used Gemini Apps", "2025-02-02T10:00:00.000Z"),
  );
  const archive = zip({ "Takeout/My Activity/Gemini Apps/MyActivity.json": activity });
  const told = await read(archive);
  expect(told.map((line) => line.replace(/-\s+/, "- "))).toEqual([
    ...["# Gemini, 2025-02-03", "user: High tide?", "assistant: - Noon"],
    ...["user: And now?", "assistant: Now **ebb**."],
  ]);
});

const codeLine = (
  uuid: string,
  parentUuid: string | null,
  type: string,
  content: unknown,
  more = {},
) => ({
  ...{ parentUuid, uuid, type, sessionId: "s", cwd: "/home/ana/harbour", isSidechain: false },
  message: { role: type, content, ...(type === "assistant" && { model: "claude-x" }) },
  ...{ timestamp: "2025-06-01T10:00:00.000Z", ...more },
});

it("Claude Code: words and calls, without results, subagents and rewound prompts; it grows", async () => {
  const app = await appOn();
  const call = { type: "tool_use", name: "Bash", input: { command: "npm\ntest", timeout: 1 } };
  const begun = [
    { type: "file-history-snapshot", snapshot: {} },
    codeLine("1", null, "user", "Rewound"),
    codeLine("2", "1", "assistant", [{ type: "text", text: "Never mind" }]),
    codeLine("3", null, "user", "Fix it\n<system-reminder>x</system-reminder>"),
    codeLine("4", "3", "assistant", [{ type: "thinking", thinking: "hm" }]),
    codeLine("5", "4", "assistant", [call]),
    codeLine("6", "5", "user", [{ type: "tool_result", content: "ok" }]),
    codeLine("7", "6", "user", [{ type: "text", text: "sub" }], { isSidechain: true }),
  ];
  expect(outcomes(await imported(app, `${jsonl(...begun)}{"half a line`))).toEqual(["imported"]);
  const more = codeLine("8", "6", "assistant", [{ type: "text", text: "Fixed." }]);
  expect(outcomes(await imported(app, jsonl(...begun, more)))).toEqual(["continued"]);
  expect(await shown(app)).toEqual([
    ...["# harbour: Fix it", "user: Fix it"],
    ...["assistant (claude-x): [Bash: npm test]", "assistant (claude-x): Fixed."],
  ]);
});

it("Claude Code: of prompts that replace each other the last one counts, and the session has its title", async () => {
  const told = await read(
    jsonl(
      codeLine("0", null, "system", "x"),
      codeLine("1", "0", "user", "Rewound"),
      codeLine("2", "1", "assistant", [{ type: "text", text: "Never mind" }]),
      codeLine("3", "0", "user", "Fix it"),
      { type: "summary", summary: "A fix", leafUuid: "3" },
    ),
  );
  expect(told).toEqual(["# harbour: A fix", "user: Fix it"]);
});

it("Codex: words and calls, without what the program adds to a prompt", async () => {
  const item = (payload: object): object => ({
    ...{ timestamp: "2025-06-01T10:00:00.000Z", type: "response_item" },
    payload,
  });
  const said = (role: string, text: string): object =>
    item({ type: "message", role, content: [{ type: "input_text", text }] });
  const told = await read(
    jsonl(
      { type: "session_meta", payload: { id: "x", cwd: "C:\\work\\harbour", instructions: null } },
      said("developer", "rules"),
      said("user", "<environment_context>\n<cwd>x</cwd>\n</environment_context>"),
      { type: "turn_context", payload: { model: "gpt-5-codex" } },
      said("user", "List them"),
      item({ type: "reasoning", summary: [] }),
      item({ type: "function_call", name: "shell", arguments: '{"command":["ls","-l"]}' }),
      item({ type: "function_call_output", output: "a" }),
      said("assistant", "Here."),
      { type: "event_msg", payload: { type: "agent_message", message: "Here." } },
    ),
  );
  expect(told).toEqual([
    ...["# harbour: List them", "user: List them"],
    ...["assistant (gpt-5-codex): [shell: ls -l]", "assistant (gpt-5-codex): Here."],
  ]);
});

it("Cursor: an agent's transcript, under the name of its file", async () => {
  const app = await appOn();
  const folder = join(temporaryFolder(), "agent-transcripts");
  mkdirSync(folder);
  const say = (role: string, ...content: object[]): object => ({ role, message: { content } });
  writeFileSync(
    join(folder, "t-1.jsonl"),
    jsonl(
      say("user", { type: "text", text: "<user_query>\nFix it\n</user_query>" }),
      say("assistant", { type: "tool_use", name: "Read", input: { path: "a.ts" } }),
    ),
  );
  await using source = await app.transfer.open([folder], { format: "auto", owner: "local" });
  const options = { ownerOf: () => "local", dryRun: false };
  await Array.fromAsync(app.transfer.import(source.sessions, options));
  expect(await shown(app)).toEqual(["# Fix it", "user: Fix it", "assistant: [Read: a.ts]"]);
});

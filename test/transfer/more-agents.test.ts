// Chats of further coding agents, in the shapes of their files.
import { join } from "node:path";
import { expect, it } from "vitest";
import { folderOf } from "../support/folder.ts";
import { read } from "../support/shown.ts";
import { appOn, imported, jsonl, outcomes, takenFrom } from "../support/transfer.ts";

const AT = "2025-09-01T10:00:00.000Z";
const ABOUT = { sessionId: "g", projectHash: "abc", startTime: AT, lastUpdated: AT };
const asked = (id: string, content: unknown, more = {}): object => ({
  ...{ id, timestamp: AT, type: "user", content, ...more },
});
const answered = (id: string, content: string, more = {}): object => ({
  ...{ id, timestamp: AT, type: "gemini", content, model: "gemini-3-pro" },
  ...{ thoughts: [{ subject: "Tides", description: "hm", timestamp: AT }], ...more },
});
const call = {
  ...{ id: "t", name: "run_shell_command", displayName: "Shell", status: "success" },
  ...{ args: { command: "npm test" }, result: [{ functionResponse: {} }], timestamp: AT },
};

it("Gemini CLI: a document with prompts, answers and calls, without thoughts and notes", async () => {
  const messages = [
    { id: "0", timestamp: AT, type: "info", content: "Update available" },
    asked("1", [
      { text: "Look at @log.txt" },
      { inlineData: { mimeType: "image/png", data: "AA==" } },
      { text: "\n--- Content from referenced files ---" },
      { text: "calm" },
    ]),
    answered("2", "Calm.", { toolCalls: [call] }),
    answered("3", "", {}),
  ];
  const told = await read(JSON.stringify({ ...ABOUT, directories: ["/w/bay"], messages }, null, 2));
  expect(told).toEqual([
    expect.stringMatching(/^# bay: Look at @log\.txt/),
    "user: Look at @log.txt\n\n[image]",
    "assistant (gemini-3-pro): Calm.\n\n[Shell: npm test]",
  ]);
});

it("Gemini CLI: of lines the newest form of a message counts, and rewinds take messages back", async () => {
  const told = await read(
    jsonl(
      ABOUT,
      asked("1", "Sail?"),
      answered("2", "Let me"),
      answered("2", "Let me see. Yes."),
      asked("3", "Never mind"),
      answered("4", "Fine"),
      { $rewindTo: "3" },
      asked("5", [{ text: "Sent" }], { displayContent: "And now?" }),
      { $set: { summary: "Sailing", lastUpdated: AT } },
    ),
  );
  expect(told).toEqual([
    ...["# Sailing", "user: Sail?", "assistant (gemini-3-pro): Let me see. Yes.", "user: And now?"],
  ]);
});

it("Gemini CLI: a folder comes in without its subagents and lists of prompts, and grows later", async () => {
  const prompts = [{ sessionId: "g", messageId: 0, type: "user", message: "Sail?", timestamp: AT }];
  const folder = folderOf({
    "abc/chats/session-1.jsonl": jsonl(ABOUT, asked("1", "Sail?")),
    "abc/chats/g/sub.jsonl": jsonl({ ...ABOUT, sessionId: "s", kind: "subagent" }, asked("1", "x")),
    "abc/logs.json": JSON.stringify(prompts),
  });
  expect(await takenFrom([folder])).toEqual({ texts: ["Sail?"], skipped: [] });
  const app = await appOn();
  await imported(app, jsonl(ABOUT, asked("1", "Sail?")));
  const later = jsonl(ABOUT, asked("1", "Sail?"), answered("2", "Yes."));
  expect(outcomes(await imported(app, later))).toEqual(["continued"]);
});

const openCode = (info: object, ...messages: [info: object, ...parts: object[]][]): string =>
  JSON.stringify({
    info: {
      ...{ id: "ses_1", projectID: "p", directory: "/w/bay", version: "1.0.0" },
      ...{ title: "New session - 2025-09-01T10:00:00.000Z", ...info },
      time: { created: 1_756_720_800_000, updated: 1_756_720_900_000 },
    },
    messages: messages.map(([about, ...parts]) => ({ info: about, parts })),
    todos: [],
  });
const by = (role: string, id = role): object => ({
  ...{ id: `msg_${id}`, sessionID: "ses_1", role, time: { created: 1_756_720_800_000 } },
  ...(role === "assistant" && { modelID: "gpt-5", providerID: "openai" }),
});
const text = (words: string, more = {}): object => ({ type: "text", text: words, ...more });

it("opencode: words, files and calls come in, the program's own text does not", async () => {
  const state = { status: "completed", input: { filePath: "/w/a.ts", command: "ls" }, output: "x" };
  const content = openCode(
    {},
    [
      by("user"),
      text("Sail?"),
      text("Called the Read tool", { synthetic: true }),
      { type: "file", mime: "image/png", filename: "pier.png", url: "data:" },
    ],
    [
      by("assistant"),
      { type: "step-start" },
      { type: "reasoning", text: "hm" },
      { type: "tool", tool: "bash", callID: "c", state },
      text("Yes."),
    ],
  );
  expect(await read(content)).toEqual([
    expect.stringMatching(/^# bay: Sail\?/),
    "user: Sail?\n\n[image: pier.png]",
    "assistant (gpt-5): [bash: ls]\n\nYes.",
  ]);
});

it("opencode: what was taken back is left out, and a subagent's session is none", async () => {
  const turns: [object, object][] = [
    [by("user", "1"), text("One")],
    [by("assistant", "2"), text("Two")],
    [by("user", "3"), text("Three")],
  ];
  expect(await read(openCode({ title: "Bay", revert: { messageID: "msg_3" } }, ...turns))).toEqual([
    ...["# bay: Bay", "user: One", "assistant (gpt-5): Two"],
  ]);
  expect(await imported(await appOn(), openCode({ parentID: "ses_0" }, ...turns))).toEqual([]);
});

it("opencode: single files of its storage are named", async () => {
  const folder = folderOf({ "msg_1.json": JSON.stringify(by("user")) });
  await expect(takenFrom([join(folder, "msg_1.json")])).rejects.toThrow(/opencode export/);
});

const copilot = (more: object, ...requests: unknown[]): string =>
  JSON.stringify({
    ...{ requesterUsername: "ana", responderUsername: "GitHub Copilot", initialLocation: "panel" },
    requests,
    ...more,
  });
const request = (id: string, words: string, response: object[], more = {}): object => ({
  ...{ requestId: `request_${id}`, message: { text: words, parts: [] }, response },
  ...{ variableData: { variables: [] }, timestamp: 1_756_720_800_000, modelId: "copilot/gpt-4.1" },
  ...more,
});

it("Copilot: sentences with references, calls and edits, without thoughts and undone requests", async () => {
  const uri = { $mid: 1, path: "/w/bay/tide.ts", scheme: "file" };
  const response = [
    { kind: "mcpServersStarting" },
    { kind: "thinking", value: "hm" },
    { value: "See ", supportThemeIcons: false },
    { kind: "inlineReference", inlineReference: uri },
    { value: ", line 3." },
    {
      ...{ kind: "toolInvocationSerialized", toolId: "copilot_readFile", isComplete: true },
      invocationMessage: { value: "Reading [](file:///w/bay/tide.ts)" },
      pastTenseMessage: { value: "Read [](file:///w/bay/tide.ts)" },
    },
    { kind: "toolInvocationSerialized", toolId: "x", presentation: "hidden" },
    { kind: "textEditGroup", uri, edits: [[]] },
    { value: "Done." },
  ];
  const variables = [
    { kind: "image", name: "Pasted Image" },
    { kind: "file", name: "log.txt" },
    { kind: "implicit", name: "open.ts" },
  ];
  const content = copilot(
    {},
    request("1", "Where?", response, { variableData: { variables } }),
    request("2", "Undone", [{ value: "x" }], { shouldBeRemovedOnSend: { requestId: "r" } }),
  );
  expect(await read(content)).toEqual([
    expect.stringMatching(/^# Where\?/),
    "user: Where?\n\n[image]\n\n[file: log.txt]",
    "assistant (gpt-4.1): See `tide.ts`, line 3.\n\n[copilot_readFile: Read tide.ts]\n\n" +
      "[edit: /w/bay/tide.ts]\n\nDone.",
  ]);
});

it("Copilot: the editor's own file and an export are the same session", async () => {
  const app = await appOn();
  const turn = request("1", "Where?", [{ value: "Here." }]);
  const kept = {
    version: 3,
    sessionId: "s",
    customTitle: "Place",
    creationDate: 1_756_720_800_000,
  };
  expect(outcomes(await imported(app, copilot(kept, turn)))).toEqual(["imported"]);
  const more = request("2", "And then?", [{ value: "There." }]);
  expect(outcomes(await imported(app, copilot({}, turn, more)))).toEqual(["continued"]);
});

// Files that hold no conversations of a known program: chats of others are named, and what lies beside chats is left alone.
import { join } from "node:path";
import { expect, it } from "vitest";
import { folderOf } from "../support/folder.ts";
import { claude, claudeMessage, file } from "../support/foreign.ts";
import { appOn, imported, outcomes, takenFrom } from "../support/transfer.ts";
import { zip } from "../support/zip.ts";

const one = (id: string): object => claude([claudeMessage("human", id)], { uuid: id });

const KINDS: readonly (readonly [title: string, content: unknown])[] = [
  ["a checkpoint of Gemini CLI", [{ role: "user", parts: [{ text: "high tide?" }] }]],
  ["a part of a session of opencode", { id: "msg_1", sessionID: "ses_7", role: "user" }],
  [
    "a prompt of Google AI Studio",
    { runSettings: {}, chunkedPrompt: { chunks: [{ role: "user", text: "high tide?" }] } },
  ],
  ["a chat of the llama.cpp web page", { type: "session", harness: "llama.app", id: "1" }],
];

it.each(KINDS)("%s is named, alone and in an archive", async (title, content) => {
  const text = JSON.stringify(content);
  const refusal = new RegExp(`it is ${title}`);
  await expect(imported(await appOn(), text)).rejects.toThrow(refusal);
  const archive = zip({ "some.json": text, "conversations.json": file(one("a")) });
  const { texts, skipped } = await takenFrom([join(folderOf({ archive }), "archive")]);
  expect(texts).toEqual(["a"]);
  expect(skipped).toEqual([expect.stringMatching(refusal)]);
});

const BESIDE = {
  "group_chats.json": '{"chats":[]}',
  "shopping.json": '{"lists": [{"title": "x"}]}',
  "sora.json": '{"tasks": [1]}',
  "chats/none.json": "[]",
};

it.each([
  ["an archive", { "chatgpt.zip": zip({ ...BESIDE, "conversations.json": file(one("a")) }) }],
  ["a folder", { ...BESIDE, "conversations.json": file(one("a")) }],
])(
  "empty lists and other files of a download in %s are no fault, strictly either",
  async (_, files) => {
    const folder = folderOf(files);
    expect(await takenFrom([folder])).toEqual({ texts: ["a"], skipped: [] });
    expect(await takenFrom([folder], { strict: true })).toEqual({ texts: ["a"], skipped: [] });
  },
);

it("group chats that are not empty are named as skipped", async () => {
  const archive = zip({ "group_chats.json": '{"chats":[{"id":1}]}', "a.json": file(one("a")) });
  const { skipped } = await takenFrom([join(folderOf({ archive }), "archive")]);
  expect(skipped).toEqual([expect.stringMatching(/^archive\/group_chats.json: /)]);
});

it("strictly, the same conversation may be there twice, but not an older form of it", async () => {
  const twice = file(one("a"), one("a"));
  expect(outcomes(await imported(await appOn(), twice, { strict: true }))).toEqual(["imported"]);
  const other = claude([claudeMessage("human", "a"), claudeMessage("human", "c")], { uuid: "a" });
  await expect(imported(await appOn(), file(one("a"), other), { strict: true })).rejects.toThrow(
    /its id is that of conversation 2/,
  );
});

it("a transcript with hundreds of lines before its first message comes in", async () => {
  const lines = [
    ...Array.from({ length: 300 }, (_, n) => ({
      type: "file-history-snapshot",
      messageId: `${n}`,
    })),
    {
      ...{ type: "user", uuid: "u", parentUuid: null, sessionId: "s", cwd: "/p" },
      ...{ timestamp: "2026-01-01T10:00:00Z", message: { role: "user", content: "a" } },
    },
  ];
  const app = await appOn();
  const text = lines.map((line) => JSON.stringify(line)).join("\n");
  expect(outcomes(await imported(app, text))).toEqual(["imported"]);
});

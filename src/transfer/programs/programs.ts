// The programs whose files can be imported.
import { WRAPPERS } from "../input/records.ts";
import { claudeCode } from "./agents/claude-code.ts";
import { codex } from "./agents/codex.ts";
import { copilot } from "./agents/copilot.ts";
import { cursor } from "./agents/cursor.ts";
import { geminiCli } from "./agents/gemini-cli.ts";
import { openCode } from "./agents/opencode.ts";
import { chatbox } from "./apps/chatbox.ts";
import { cherryStudio } from "./apps/cherry-studio.ts";
import { jan } from "./apps/jan.ts";
import { lmStudio } from "./apps/lm-studio.ts";
import { nextChat } from "./apps/next-chat.ts";
import { sillyTavern } from "./apps/silly-tavern.ts";
import { typingMind } from "./apps/typing-mind.ts";
import { chatGpt } from "./chats/chatgpt.ts";
import { claude } from "./chats/claude.ts";
import { deepSeek } from "./chats/deepseek.ts";
import { gemini } from "./chats/gemini.ts";
import { grok } from "./chats/grok.ts";
import { leChat } from "./chats/le-chat.ts";
import { libreChat } from "./chats/librechat.ts";
import { lobeChat } from "./chats/lobechat.ts";
import { openWebUi } from "./chats/open-webui.ts";
import { fieldsOf, isFields, listOf } from "./fields.ts";
import type { Program } from "./program.ts";

/** In the order in which they are asked for a file. */
export const PROGRAMS: readonly Program[] = [
  ...[chatGpt, claude, deepSeek, openWebUi, libreChat, lobeChat, gemini],
  ...[grok, leChat],
  ...[claudeCode, codex, cursor, geminiCli, openCode, copilot],
  ...[lmStudio, typingMind, sillyTavern, nextChat, chatbox, jan, cherryStudio],
];

export const programOf = (record: unknown): Program | undefined =>
  isFields(record) ? PROGRAMS.find(({ wrote }) => wrote(record)) : undefined;

/** The list in a document that holds conversations of a known program; undefined for any other document. */
export function wrappedIn(record: unknown): readonly unknown[] | undefined {
  if (programOf(record) !== undefined) return undefined;
  // A list in the list: some tools join several exports.
  const lists = Array.isArray(record)
    ? [record as unknown[]]
    : WRAPPERS.map((key) => listOf(fieldsOf(record)[key]));
  return lists.find((list) => list.slice(0, 50).some((item) => programOf(item) !== undefined));
}

/** True for a document that would hold conversations, and holds none. */
export const isEmptyList = (record: unknown): boolean => {
  const lists = WRAPPERS.map((key) => fieldsOf(record)[key]).filter(Array.isArray);
  return lists.length > 0 && lists.every(({ length }) => length === 0);
};

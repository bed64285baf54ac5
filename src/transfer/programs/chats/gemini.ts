import type { Records } from "../../input/records.ts";
// Gemini's part of Google's Takeout, MyActivity.json: a list of questions with their answers as HTML, the newest first. It
// names no conversations, so the questions of a day (UTC) are one.
import {
  type Fields,
  fieldsOf,
  isFields,
  labelOf,
  listOf,
  textOf,
  timeOf,
  wordsOf,
} from "../fields.ts";
import { type Context, type Conversation, type Message, nameOf, type Program } from "../program.ts";
import { filesText } from "../texts.ts";

const GEMINI = /^(?:Gemini|Bard)\b/;

export const gemini: Program = {
  name: "gemini",
  title: "MyActivity.json of Gemini (Google Takeout)",
  wrote: ({ header, products, title, time }) =>
    typeof title === "string" &&
    typeof time === "string" &&
    [header, ...listOf(products)].some((name) => GEMINI.test(textOf(name) ?? "")),
  conversations,
};

async function* conversations(
  records: Records,
  { skip }: Context,
): AsyncGenerator<Conversation & { number: number }> {
  const days = new Map<string, { at: number; number: number; record: Fields }[]>();
  for await (const record of records) {
    const fields = isFields(record.value) ? record.value : {};
    const at = timeOf(fields["time"]);
    if (at === null) skip(nameOf(record), null, record.fault ?? "has no time");
    else {
      const day = new Date(at).toISOString().slice(0, 10);
      days.set(day, [...(days.get(day) ?? []), { at, number: record.number, record: fields }]);
    }
  }
  const toMarkdown = await htmlReader();
  for (const [day, entries] of days) {
    const inOrder = entries.toSorted((a, b) => a.at - b.at);
    yield {
      ...{ id: day, number: inOrder[0]!.number, title: `Gemini, ${day}`, system: null },
      ...{ createdAt: inOrder[0]!.at, lastActiveAt: inOrder.at(-1)!.at },
      messages: inOrder.flatMap(({ at, record }) => toMessages(record, at, toMarkdown)),
    };
  }
}

/** The word before a question, in English: `Prompted …`. */
const VERB = /^(?:Prompted|Asked|Said)\s+/;

function toMessages(
  { title, safeHtmlItem, attachedFiles, imageFile }: Fields,
  createdAt: number,
  toMarkdown: (html: string) => string,
): Message[] {
  const names = [...listOf(attachedFiles), imageFile].map(labelOf).filter((name) => name !== null);
  const question = [...wordsOf(title).map((text) => text.replace(VERB, "")), ...filesText(names)];
  const answer = listOf(safeHtmlItem)
    .flatMap((item) => wordsOf(fieldsOf(item)["html"]))
    .map(toMarkdown)
    .filter(Boolean);
  // An entry without an answer is a note of the program: `Used Gemini Apps`.
  const isQuestion = answer.length > 0 || VERB.test(textOf(title) ?? "");
  const message = (role: Message["role"], texts: readonly string[]): Message[] =>
    texts.length === 0 ? [] : [{ role, content: texts.join("\n\n"), model: null, createdAt }];
  return isQuestion ? [...message("user", question), ...message("assistant", answer)] : [];
}

async function htmlReader(): Promise<(html: string) => string> {
  const { default: Turndown } = await import("turndown");
  const reader = new Turndown({
    headingStyle: "atx",
    codeBlockStyle: "fenced",
    bulletListMarker: "-",
  });
  return (html) => reader.turndown(html).trim();
}

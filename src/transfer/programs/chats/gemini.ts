// Gemini's part of Google's Takeout, MyActivity.json or MyActivity.html: a list of questions with their answers as HTML, the newest first. It
// names no conversations, so the questions of a day (UTC) are one.
import type { Records } from "../../input/records.ts";
import { Pace } from "../../pace.ts";
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
import { htmlReader } from "../html.ts";
import { type Context, type Conversation, type Message, nameOf, type Program } from "../program.ts";
import { filesText } from "../texts.ts";

const GEMINI = /\b(?:Gemini|Bard)\b/;

export const gemini: Program = {
  name: "gemini",
  title: "MyActivity.json or .html of Gemini (Google Takeout)",
  wrote: ({ header, products, title, time }) =>
    typeof title === "string" &&
    (typeof time === "string" || time === null) &&
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
      const entries = days.get(day) ?? [];
      days.set(day, entries);
      entries.push({ at, number: record.number, record: fields });
    }
  }
  const toMarkdown = await htmlReader();
  const pace = new Pace();
  for (const [day, entries] of days) {
    const inOrder = entries.toSorted((a, b) => a.at - b.at);
    const named = { number: inOrder[0]!.number, id: day, title: `Gemini, ${day}` };
    const messages: Message[] = [];
    for (const { at, number, record } of inOrder) {
      await pace.step();
      const told = (reason: string): void => skip(named, `${number}`, reason);
      messages.push(...toMessages(record, at, { toMarkdown, skip: told }));
    }
    yield {
      ...{ ...named, system: null, createdAt: inOrder[0]!.at, lastActiveAt: inOrder.at(-1)!.at },
      messages,
    };
  }
}

/** The words around a question, by language: `Prompted …`. */
const ASKED = [
  /^(?:Prompted|Live Prompt|Asked|Said)\s+(.*)$/s,
  /^Eingegebener Prompt:\s*(.*)$/s,
  /^「(.*)」と入力しました$/s,
] as const;
const CANVAS = /^Created Gemini Canvas titled\s+(.*)$/s;
/** The program's notes, which nobody said. */
const NOTE = /^(?:Used (?:an Assistant|Gemini)|Gave feedback|Cleared previous feedback|Selected )/;

interface Reading {
  toMarkdown: (html: string) => string;
  skip: (reason: string) => void;
}

function toMessages(
  { header, title, safeHtmlItem, attachedFiles, imageFile }: Fields,
  createdAt: number,
  { toMarkdown, skip }: Reading,
): Message[] {
  const [text = ""] = wordsOf(title);
  const names = [...listOf(attachedFiles), imageFile].map(labelOf).filter((name) => name !== null);
  const answer = listOf(safeHtmlItem)
    .flatMap((item) => wordsOf(fieldsOf(item)["html"]))
    .map(toMarkdown)
    .filter(Boolean);
  const message = (role: Message["role"], texts: readonly string[]): Message[] =>
    texts.length === 0 ? [] : [{ role, content: texts.join("\n\n"), model: null, createdAt }];
  const canvas = CANVAS.exec(text)?.[1];
  if (canvas !== undefined) return message("assistant", [`[${canvas}]`, ...answer]);
  // The note of a visit holds the program's name: `Used Gemini Apps`, `Gemini-Apps verwendet`.
  const isVisit = answer.length === 0 && text.includes(textOf(header) ?? "Gemini");
  const question = ASKED.map((asked) => asked.exec(text)?.[1]).find(Boolean);
  if (question === undefined && (isVisit || NOTE.test(text))) return [];
  if (question === undefined && answer.length === 0) {
    skip("it has no answer, and is no question in a known language");
    return [];
  }
  return [
    ...message("user", [...wordsOf(question ?? text), ...filesText(names)]),
    ...message("assistant", answer),
  ];
}

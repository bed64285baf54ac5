// SillyTavern's chats (….jsonl): a line about the chat, then one for each message, of which the shown wording comes in. The
// program's own notes are left out.
import type { Records } from "../../input/records.ts";
import { projectTitle } from "../agents/transcript.ts";
import {
  type Fields,
  fieldsOf,
  isFields,
  labelOf,
  modelOf,
  textOf,
  timeOf,
  wordsOf,
} from "../fields.ts";
import { type Context, type Conversation, type Message, nameOf, type Program } from "../program.ts";
import { filesText } from "../texts.ts";

export const sillyTavern: Program = {
  name: "silly-tavern",
  title: "chat of SillyTavern",
  hasThoughtsInText: true,
  wrote: (record) =>
    ("user_name" in record && "character_name" in record) ||
    ("is_user" in record && "mes" in record),
  conversations,
};

async function* conversations(
  records: Records,
  { skip, file }: Context,
): AsyncGenerator<Conversation & { number: number }> {
  let about: Fields = {};
  let character: string | null = null;
  const messages: Message[] = [];
  for await (const record of records) {
    const { value } = record;
    if (!isFields(value)) {
      const where = { ...nameOf(record), number: 1 };
      skip(where, `line ${record.number}`, record.fault ?? "is no object");
    } else if ("mes" in value) {
      if (value["is_user"] !== true) character ??= textOf(value["name"]);
      messages.push(...toMessage(value));
    } else about = { ...value, ...about };
  }
  const name = textOf(about["character_name"]);
  // Newer versions name nobody in the first line.
  const partner = name === null || name === "unused" ? character : name;
  yield {
    // A chat is known by its character and the name of its file.
    ...{ number: 1, id: `${partner ?? ""}/${file}`, system: null, messages },
    ...{ createdAt: timeIn(about["create_date"]), lastActiveAt: null },
    ...projectTitle(partner, null, messages),
  };
}

function toMessage({ is_user, is_system, mes, send_date, extra }: Fields): Message[] {
  const { type, model, image, file } = fieldsOf(extra);
  if (is_system === true && typeof type === "string") return [];
  const names = isFields(file) ? [labelOf(file["name"])] : [];
  const pictures = typeof image === "string" ? filesText([], 1) : [];
  const content = [...wordsOf(mes), ...filesText(names), ...pictures].join("\n\n");
  if (content === "") return [];
  const isUser = is_user === true;
  return [
    {
      ...{ role: isUser ? "user" : "assistant", content, createdAt: timeIn(send_date) },
      model: isUser ? null : modelOf(model),
    },
  ];
}

/** A time in one of the forms of several versions: `2024-3-5 @14h 07m 09s 120ms`, `March 5, 2024 2:07pm`. */
function timeIn(value: unknown): number | null {
  if (typeof value !== "string") return timeOf(value);
  const text = value
    .replace(/ ?@(\d+)h ?(\d+)m ?(\d+)s.*$/, " $1:$2:$3")
    .replace(/(\d)([ap]m)$/i, "$1 $2");
  return timeOf(text);
}

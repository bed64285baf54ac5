// Jan's threads: a folder for each, with thread.json about it and messages.jsonl. Thoughts are left out.
import type { Records } from "../../input/records.ts";
import {
  type Fields,
  fieldsOf,
  isFields,
  listOf,
  modelOf,
  textOf,
  timeOf,
  wordsOf,
} from "../fields.ts";
import { type Context, type Conversation, type Message, nameOf, type Program } from "../program.ts";
import { filesText } from "../texts.ts";

export const jan: Program = {
  name: "jan",
  title: "messages.jsonl of Jan",
  hasThoughtsInText: true,
  wrote: ({ object }) => object === "thread" || object === "thread.message",
  conversations,
};

async function* conversations(
  records: Records,
  { skip, file, shared }: Context,
): AsyncGenerator<Conversation & { number: number }> {
  const threads = new Map<string, Fields[]>();
  for await (const record of records) {
    const { value, number } = record;
    if (!isFields(value)) {
      skip({ ...nameOf(record), number: 1 }, `line ${number}`, record.fault ?? "is no object");
    } else if (value["object"] === "thread") {
      // The file about the thread comes before its messages.
      shared.set(`jan ${textOf(value["id"])}`, JSON.stringify(aboutIn(value)));
    } else {
      const id = textOf(value["thread_id"]) ?? file;
      const messages = threads.get(id) ?? [];
      threads.set(id, messages);
      messages.push(value);
    }
  }
  for (const [index, [id, messages]] of [...threads].entries()) {
    const about = fieldsOf(JSON.parse(shared.get(`jan ${id}`) ?? "{}"));
    yield {
      ...{ number: index + 1, id, title: textOf(about["title"]) },
      system: wordsOf(about["system"])[0] ?? null,
      ...{ createdAt: timeOf(about["createdAt"]), lastActiveAt: timeOf(about["lastActiveAt"]) },
      messages: messages.flatMap((message) => toMessage(message, modelOf(about["model"]))),
    };
  }
}

function aboutIn({ title, metadata, assistants, created, updated }: Fields): object {
  const { model, instructions } = fieldsOf(listOf(assistants)[0]);
  return {
    title: textOf(title, fieldsOf(metadata)["title"]),
    model: fieldsOf(model)["id"],
    system: instructions,
    ...{ createdAt: created, lastActiveAt: updated },
  };
}

function toMessage({ role, content, created_at }: Fields, model: string | null): Message[] {
  if (role !== "user" && role !== "assistant" && role !== "system") return [];
  const parts = listOf(content).map(fieldsOf);
  const words = parts
    .filter(({ type }) => type === "text")
    .flatMap(({ text }) => [text, fieldsOf(text)["value"]].flatMap(wordsOf));
  const pictures = parts.filter(({ type }) => type === "image_url").length;
  const all = [...words, ...filesText([], pictures)].join("\n\n");
  if (all === "") return [];
  const createdAt = timeOf(created_at);
  return [{ role, content: all, createdAt, model: role === "assistant" ? model : null }];
}

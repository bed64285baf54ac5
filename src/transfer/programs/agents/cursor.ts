// Cursor's transcripts of agents (agent-transcripts/….jsonl): the role and the content of each message, without times. Its
// other chats are in a database of its own, which is not read.
import type { Records } from "../../input/records.ts";
import { elementsIn } from "../elements.ts";
import { fieldsOf, isFields, listOf, wordsOf } from "../fields.ts";
import { type Context, type Conversation, type Message, nameOf, type Program } from "../program.ts";
import { callNote, ownWords, projectTitle } from "./transcript.ts";

export const cursor: Program = {
  name: "cursor",
  title: "transcript of Cursor's agent",
  wrote: ({ role, message, type }) =>
    (role === "user" || role === "assistant") &&
    type === undefined &&
    Array.isArray(fieldsOf(message)["content"]),
  conversations,
};

const ADDED =
  /^(?:user_info|attached_files|project_layout|open_and_recently_viewed_files|git_status|rules|agent_skills|additional_data|timestamp|system_reminder)$/;

/** The person's words, which newer versions put into an element. */
function promptIn(text: string): string[] {
  const queries = elementsIn(text, /^user_query$/);
  return queries.length === 0
    ? ownWords(text, ADDED)
    : queries.flatMap(({ content }) => wordsOf(content.trim()));
}

async function* conversations(
  records: Records,
  { skip, file }: Context,
): AsyncGenerator<Conversation & { number: number }> {
  const messages: Message[] = [];
  for await (const record of records) {
    if (!isFields(record.value)) {
      skip(
        { ...nameOf(record), number: 1 },
        `line ${record.number}`,
        record.fault ?? "is no object",
      );
      continue;
    }
    const { role, message } = record.value;
    if (role !== "user" && role !== "assistant") continue;
    const texts = listOf(fieldsOf(message)["content"]).flatMap((block) => {
      const { type, text, name, input } = fieldsOf(block);
      if (type === "tool_use") return [callNote(name, input)];
      return role === "user" ? wordsOf(text).flatMap(promptIn) : wordsOf(text);
    });
    const content = texts.join("\n\n");
    if (content !== "") messages.push({ role, content, model: null, createdAt: null });
  }
  // The file's name is the conversation's id.
  yield {
    ...{ number: 1, id: file.replace(/\.jsonl$/, ""), system: null, createdAt: null },
    ...{ lastActiveAt: null, messages, ...projectTitle(null, null, messages) },
  };
}

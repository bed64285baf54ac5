// Claude's conversations.json: a list of messages for each conversation. Of attached files only the names are imported.
import { z } from "zod";
import { timeOf, type Conversation } from "./conversation.ts";

const file = z.object({ file_name: z.string() });

const conversation = z.object({
  uuid: z.string().min(1),
  name: z.string().nullish(),
  created_at: z.unknown().optional(),
  updated_at: z.unknown().optional(),
  chat_messages: z.array(
    z.object({
      sender: z.string(),
      text: z.string().nullish(),
      content: z.unknown().optional(),
      attachments: z.unknown().optional(),
      files: z.unknown().optional(),
      created_at: z.unknown().optional(),
    }),
  ),
});

type Message = z.infer<typeof conversation>["chat_messages"][number];

/** @throws ZodError */
export function readClaude(value: unknown): Conversation {
  const { uuid, name, created_at, updated_at, chat_messages } = conversation.parse(value);
  return {
    id: uuid,
    title: name || null,
    createdAt: timeOf(created_at),
    lastActiveAt: timeOf(updated_at),
    messages: chat_messages.flatMap(toMessage),
  };
}

function toMessage(message: Message): Conversation["messages"] {
  const role =
    message.sender === "human" ? "user" : message.sender === "assistant" ? "assistant" : undefined;
  const content = [...textsOf(message), ...namesOf(message)].join("\n\n");
  if (role === undefined || content.trim() === "") return [];
  return [{ role, content, model: null, createdAt: timeOf(message.created_at) }];
}

/** Older exports have the text alone. */
function textsOf({ content, text }: Message): string[] {
  const blocks = list(content).flatMap((block) => {
    const read = z.object({ type: z.literal("text"), text: z.string() }).safeParse(block);
    return read.success && read.data.text !== "" ? [read.data.text] : [];
  });
  return blocks.length > 0 ? blocks : text ? [text] : [];
}

function namesOf({ attachments, files }: Message): string[] {
  const names = [...list(attachments), ...list(files)].flatMap((item) => {
    const read = file.safeParse(item);
    return read.success ? [`[file: ${read.data.file_name}]`] : [];
  });
  return [...new Set(names)];
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

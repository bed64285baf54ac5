// Claude's conversations.json: a list of messages for each conversation. The import takes only the names of attached
// files, and skips malformed messages.
import { z } from "zod";
import { type Conversation, issueOf, timeOf } from "./conversation.ts";
import { labelOf, type SkipMessage } from "./skipped.ts";

const file = z.object({ file_name: z.string() });

const message = z.object({
  sender: z.string(),
  text: z.string().nullish(),
  content: z.unknown().optional(),
  attachments: z.unknown().optional(),
  files: z.unknown().optional(),
  created_at: z.unknown().optional(),
});

const conversation = z.object({
  uuid: z.string().min(1),
  name: z.string().nullish().catch(null),
  created_at: z.unknown().optional(),
  updated_at: z.unknown().optional(),
  chat_messages: z.array(z.unknown()),
});

type Message = z.infer<typeof message>;

/** @throws ZodError when the conversation is unreadable */
export function readClaude(value: unknown, skip: SkipMessage): Conversation {
  const { uuid, name, created_at, updated_at, chat_messages } = conversation.parse(value);
  return {
    id: uuid,
    title: name || null,
    createdAt: timeOf(created_at),
    lastActiveAt: timeOf(updated_at),
    messages: chat_messages.flatMap((value, index) => toMessage(value, `${index + 1}`, skip)),
  };
}

function toMessage(value: unknown, number: string, skip: SkipMessage): Conversation["messages"] {
  const { data, error } = message.safeParse(value);
  if (error) {
    skip(number, issueOf(error));
    return [];
  }
  const { sender, created_at } = data;
  const content = [...textsOf(data), ...namesOf(data)].join("\n\n");
  if (content.trim() === "") return [];
  const role = sender === "human" ? "user" : sender === "assistant" ? "assistant" : undefined;
  if (role === undefined) {
    skip(number, `its sender ${JSON.stringify(labelOf(sender))} is unknown`);
    return [];
  }
  return [{ role, content, model: null, createdAt: timeOf(created_at) }];
}

/** The message's texts; older exports have `text` alone. */
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

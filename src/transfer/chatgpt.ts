// ChatGPT's conversations.json: a tree of messages for each conversation. What is imported is the branch that was shown
// last, from current_node up to the root. Not imported: pictures, sound and hidden messages.
import { z } from "zod";
import type { Role } from "../chat/message.ts";
import { timeOf, type Conversation } from "./conversation.ts";

const message = z.object({
  author: z.object({ role: z.string() }),
  create_time: z.unknown().optional(),
  content: z
    .object({ content_type: z.string(), parts: z.unknown(), text: z.unknown() })
    .partial()
    .nullish(),
  metadata: z
    .object({ model_slug: z.unknown(), is_visually_hidden_from_conversation: z.unknown() })
    .partial()
    .nullish(),
});
const node = z.object({ parent: z.string().nullish(), message: message.nullish() });

const conversation = z
  .object({
    conversation_id: z.string().nullish(),
    id: z.string().nullish(),
    title: z.string().nullish(),
    create_time: z.unknown().optional(),
    update_time: z.unknown().optional(),
    current_node: z.string().nullish(),
    mapping: z.custom<Record<string, unknown>>(
      (value) => typeof value === "object" && value !== null && !Array.isArray(value),
      "expected an object",
    ),
  })
  .refine(({ conversation_id, id }) => Boolean(conversation_id ?? id), "has no id");

type Message = z.infer<typeof message>;

const ROLES: ReadonlyMap<string, Role> = new Map([
  ["user", "user"],
  ["assistant", "assistant"],
  ["system", "system"],
  ["tool", "tool"],
]);

/** What the program keeps for itself. */
const HIDDEN: ReadonlySet<string | undefined> = new Set([
  ...["thoughts", "reasoning_recap", "user_editable_context", "model_editable_context"],
]);

/** @throws ZodError */
export function readChatGpt(value: unknown): Conversation {
  const read = conversation.parse(value);
  // Not the object itself: ids come from the file, and `__proto__` is one like any other here.
  const nodes = new Map(Object.entries(read.mapping));
  return {
    id: (read.conversation_id ?? read.id)!,
    title: read.title || null,
    createdAt: timeOf(read.create_time, 1000),
    lastActiveAt: timeOf(read.update_time, 1000),
    messages: branch(nodes, read.current_node).flatMap(toMessage),
  };
}

/** The messages from the root to the node; a parent that is missing, or was met already, is where it begins. */
function branch(
  nodes: ReadonlyMap<string, unknown>,
  current: string | null | undefined,
): Message[] {
  const found: Message[] = [];
  const met = new Set<string>();
  let id = current && nodes.has(current) ? current : newestLeaf(nodes);
  while (id !== undefined && nodes.has(id) && !met.has(id)) {
    met.add(id);
    const { parent, message } = node.parse(nodes.get(id));
    if (message) found.push(message);
    id = parent ?? undefined;
  }
  return found.reverse();
}

/** For a conversation without a current node: the latest message that nothing continues. */
function newestLeaf(nodes: ReadonlyMap<string, unknown>): string | undefined {
  const all = [...nodes].map(([id, value]) => ({ id, ...node.parse(value) }));
  const parents = new Set(all.map(({ parent }) => parent));
  const at = ({ message }: (typeof all)[number]): number => timeOf(message?.create_time, 1000) ?? 0;
  return all
    .filter(({ id }) => !parents.has(id))
    .toSorted((a, b) => at(a) - at(b))
    .at(-1)?.id;
}

function toMessage({ author, content, metadata, create_time }: Message): Conversation["messages"] {
  const role = ROLES.get(author.role);
  const text = textOf(content ?? {});
  const hidden =
    metadata?.is_visually_hidden_from_conversation === true || HIDDEN.has(content?.content_type);
  if (role === undefined || hidden || text.trim() === "") return [];
  const model = metadata?.model_slug;
  return [
    {
      ...{ role, content: text, createdAt: timeOf(create_time, 1000) },
      model: role === "assistant" && typeof model === "string" ? model.slice(0, 100) : null,
    },
  ];
}

function textOf({ parts, text }: { parts?: unknown; text?: unknown }): string {
  const texts = Array.isArray(parts) ? (parts as unknown[]) : [text];
  return texts
    .map((part) => (typeof part === "string" ? part : spoken(part)))
    .filter((part) => part !== "")
    .join("\n\n");
}

/** What was said, of a part that is sound. */
const spoken = (part: unknown): string => {
  const { text } = (part ?? {}) as { text?: unknown };
  return typeof text === "string" ? text : "";
};

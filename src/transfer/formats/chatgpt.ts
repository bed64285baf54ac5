// ChatGPT's conversations.json: a tree of messages for each conversation. The import takes the branch that was shown
// last, from current_node up to the root. It leaves out pictures, sound and hidden messages, and skips malformed
// messages.
import { z } from "zod";
import type { Role } from "../../chat/message.ts";
import { type Conversation, issueOf, timeOf } from "./conversation.ts";
import { labelOf, type SkipMessage } from "./skipped.ts";

const message = z.object({
  author: z.object({ role: z.string() }),
  create_time: z.unknown().optional(),
  content: z
    .union([
      z.object({ content_type: z.string(), parts: z.unknown(), text: z.unknown() }).partial(),
      z.string().transform((text) => ({ content_type: "text", text, parts: undefined })),
    ])
    .nullish(),
  metadata: z
    .object({ model_slug: z.unknown(), is_visually_hidden_from_conversation: z.unknown() })
    .partial()
    .nullish()
    .catch(null),
});
const node = z.object({ parent: z.string().nullish(), message: message.nullish() });

const conversation = z
  .object({
    conversation_id: z.string().nullish().catch(null),
    id: z.string().nullish().catch(null),
    title: z.string().nullish().catch(null),
    create_time: z.unknown().optional(),
    update_time: z.unknown().optional(),
    current_node: z.string().nullish().catch(null),
    mapping: z.custom<Record<string, unknown>>(
      (value) => typeof value === "object" && value !== null && !Array.isArray(value),
      "expected an object",
    ),
  })
  .refine(({ conversation_id, id }) => Boolean(conversation_id || id), "has no id");

type Message = z.infer<typeof message>;

const ROLES: ReadonlyMap<string, Role> = new Map([
  ["user", "user"],
  ["assistant", "assistant"],
  ["system", "system"],
  ["tool", "tool"],
]);

/** Content types that ChatGPT hides from its user. */
const HIDDEN: ReadonlySet<string | undefined> = new Set([
  ...["thoughts", "reasoning_recap", "user_editable_context", "model_editable_context"],
]);

/** @throws ZodError when the conversation is unreadable */
export function readChatGpt(value: unknown, skip: SkipMessage): Conversation {
  const read = conversation.parse(value);
  // Use a Map: ids come from the file, and `__proto__` must be an id like any other.
  const nodes = new Map(Object.entries(read.mapping));
  return {
    id: (read.conversation_id || read.id)!,
    title: read.title || null,
    createdAt: timeOf(read.create_time, 1000),
    lastActiveAt: timeOf(read.update_time, 1000),
    messages: branch(nodes, read.current_node, skip).flatMap(([id, message]) =>
      toMessage(id, message, skip),
    ),
  };
}

/** The messages from the root to the node. A missing parent, or one that was met already, ends the way up. */
function branch(
  nodes: ReadonlyMap<string, unknown>,
  current: string | null | undefined,
  skip: SkipMessage,
): [id: string, message: Message][] {
  const found: [string, Message][] = [];
  const met = new Set<string>();
  let id = current && nodes.has(current) ? current : newestLeaf(nodes);
  while (id !== undefined && nodes.has(id) && !met.has(id)) {
    met.add(id);
    const value = nodes.get(id);
    const { data, error } = node.safeParse(value);
    if (error) skip(labelOf(id) ?? "without an id", issueOf(error));
    else if (data.message) found.push([id, data.message]);
    id = parentOf(value);
  }
  return found.reverse();
}

/** The parent of any node, so that a branch goes on behind an unreadable message. */
function parentOf(node: unknown): string | undefined {
  const { parent } = (node ?? {}) as { parent?: unknown };
  return typeof parent === "string" ? parent : undefined;
}

/** The latest message without a child, for a conversation without a current node. */
function newestLeaf(nodes: ReadonlyMap<string, unknown>): string | undefined {
  const parents = new Set([...nodes.values()].map(parentOf));
  const at = (value: unknown): number =>
    timeOf(node.safeParse(value).data?.message?.create_time, 1000) ?? 0;
  return [...nodes]
    .filter(([id]) => !parents.has(id))
    .map(([id, value]) => ({ id, at: at(value) }))
    .toSorted((a, b) => a.at - b.at)
    .at(-1)?.id;
}

function toMessage(
  id: string,
  { author, content, metadata, create_time }: Message,
  skip: SkipMessage,
): Conversation["messages"] {
  const role = ROLES.get(author.role);
  const text = textOf(content ?? {});
  const hidden =
    metadata?.is_visually_hidden_from_conversation === true || HIDDEN.has(content?.content_type);
  if (hidden || text.trim() === "") return [];
  if (role === undefined) {
    skip(
      labelOf(id) ?? "without an id",
      `its role ${JSON.stringify(labelOf(author.role))} is unknown`,
    );
    return [];
  }
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

/** The text of a well-formed part. */
const spoken = (part: unknown): string => {
  const { text } = (part ?? {}) as { text?: unknown };
  return typeof text === "string" ? text : "";
};

// One message of a conversation.
import { isoTime } from "../lib/clock.ts";
import { goingOn, wordOrQuoted } from "../lib/text/quoted.ts";

export const ROLES = ["user", "assistant", "system", "tool"] as const;
export type Role = (typeof ROLES)[number];

/** `pending` is a question without an answer yet; `failed` and `interrupted` questions can be asked again. */
export const STATUSES = ["complete", "pending", "failed", "interrupted"] as const;
export type MessageStatus = (typeof STATUSES)[number];

export interface Message {
  /** Number within the session: 1, 2, 3 … */
  seq: number;
  role: Role;
  content: string;
  status: MessageStatus;
  /** The model that wrote the message. */
  model: string | null;
  inputTokens: number | null;
  outputTokens: number | null;
  requestKey: string | null;
  createdAt: number;
  /**
   * The principal whose call stored the message; for a model's answer, the principal of the question. Null when
   * unknown: in rows of earlier versions, and in other programs' files. An imported file may claim any author, so this
   * grants nothing.
   */
  author: string | null;
}

/** The author, as text for people; undefined for the session's owner or an unknown author. */
export function byOther(
  { role, author }: Pick<Message, "role" | "author">,
  owner: string,
): string | undefined {
  if (author === null || author === owner) return undefined;
  return `${role === "assistant" ? "for" : "by"} ${wordOrQuoted(author)}`;
}

/** One message of a transcript; its content cannot imitate another message. `notes` name the author and the like. */
export function transcriptLine(
  { seq, role }: Pick<Message, "seq" | "role">,
  content: string,
  notes: readonly (string | undefined)[] = [],
): string {
  const told = notes.filter((note) => note !== undefined).join(", ");
  return `#${seq} ${role}${told && ` (${told})`}: ${goingOn(content)}`;
}

/** A message under the names that programs see; fields without a value are null. */
export const messageFields = ({
  seq,
  role,
  content,
  status,
  model,
  createdAt,
  author,
}: Message) => ({
  seq,
  role,
  content,
  status,
  model,
  created_at: isoTime(createdAt),
  author,
});

/** `message #3`, `messages #3, #5` */
export const messageList = (seqs: readonly number[]): string =>
  `${seqs.length === 1 ? "message" : "messages"} ${numbers(seqs)}`;

/** `#3, #5` */
export const numbers = (seqs: readonly number[]): string => seqs.map((seq) => `#${seq}`).join(", ");

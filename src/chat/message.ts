// One row of a conversation.
import { goingOn, wordOrQuoted } from "../lib/text/quoted.ts";

export const ROLES = ["user", "assistant", "system", "tool"] as const;
export type Role = (typeof ROLES)[number];

/** A question is `pending` until it is answered; `failed` and `interrupted` ones can be asked again. */
export const STATUSES = ["complete", "pending", "failed", "interrupted"] as const;
export type MessageStatus = (typeof STATUSES)[number];

export interface Message {
  /** 1, 2, 3 … within its session. */
  seq: number;
  role: Role;
  content: string;
  status: MessageStatus;
  /** Which model wrote it. */
  model: string | null;
  inputTokens: number | null;
  outputTokens: number | null;
  requestKey: string | null;
  createdAt: number;
  /**
   * The principal on whose call it was written; of a model's answer: who asked. Null where nobody knows: in what earlier
   * versions stored, and in other programs' files. It may come from an imported file, so it grants nothing.
   */
  author: string | null;
}

/** Who wrote it or had it written, for people to read; undefined where that is the session's owner, or unknown. */
export function byOther(
  { role, author }: Pick<Message, "role" | "author">,
  owner: string,
): string | undefined {
  if (author === null || author === owner) return undefined;
  return `${role === "assistant" ? "for" : "by"} ${wordOrQuoted(author)}`;
}

/** A message in a text of several: nothing in its content can look like another one. `notes`: of who and what else. */
export function transcriptLine(
  { seq, role }: Pick<Message, "seq" | "role">,
  content: string,
  notes: readonly (string | undefined)[] = [],
): string {
  const told = notes.filter((note) => note !== undefined).join(", ");
  return `#${seq} ${role}${told && ` (${told})`}: ${goingOn(content)}`;
}

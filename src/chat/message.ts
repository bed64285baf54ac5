// One row of a conversation.

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
}

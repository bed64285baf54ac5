// What an import leaves out because it cannot be read: every reader of another program's format reports here.
import { shortened } from "../../lib/text/text.ts";

export interface Skipped {
  /** Its place in the file: 1, 2, 3 … */
  conversation: number;
  /** Of the conversation, where it has them. */
  id: string | null;
  title: string | null;
  /** The message's id or number; null for a whole conversation. */
  message: string | null;
  reason: string;
}

/** Reports one message of the conversation at hand. */
export type SkipMessage = (message: string, reason: string) => void;

export const whereOf = ({ conversation, message }: Skipped): string =>
  `conversation ${conversation}${message === null ? "" : `: message ${message}`}`;

/** Ids and titles come from the file, whatever they are. */
const MAX_LABEL_BYTES = 200;

export function labelOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? shortened(value, MAX_LABEL_BYTES) : null;
}

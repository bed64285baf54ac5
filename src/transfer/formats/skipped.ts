// The report of the conversations and messages that an import skips, for all readers of other programs' formats.
import { shortened } from "../../lib/text/text.ts";

export interface Skipped {
  /** Number of the conversation within the file: 1, 2, 3 … */
  conversation: number;
  /** The conversation's id, where the file has one. */
  id: string | null;
  title: string | null;
  /** The message's id or number; null for a whole conversation. */
  message: string | null;
  reason: string;
}

/** Reports one skipped message of the current conversation. */
export type SkipMessage = (message: string, reason: string) => void;

export const whereOf = ({ conversation, message }: Skipped): string =>
  `conversation ${conversation}${message === null ? "" : `: message ${message}`}`;

/** Maximum length of an id or title in a report; a file may hold any text. */
const MAX_LABEL_BYTES = 200;

export function labelOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? shortened(value, MAX_LABEL_BYTES) : null;
}

// What the model is shown of a history: the newest messages that fit.
import type { Message, Role } from "./message.ts";

/** About 25,000 tokens of English; leaves room for the answer in the windows of today's small models. */
const MAX_CHARACTERS = 100_000;
/** How many messages are read back to fill it. */
export const MAX_MESSAGES = 500;

/**
 * The newest of `history` (oldest first) that fit beside the question, oldest first, the question last.
 * Questions that never got an answer are left out.
 */
export function contextWindow(
  history: readonly Message[],
  question: Pick<Message, "role" | "content">,
): { role: Role; content: string }[] {
  const shown: Pick<Message, "role" | "content">[] = [question];
  let characters = question.content.length;
  for (const message of history.toReversed()) {
    if (message.status !== "complete") continue;
    characters += message.content.length;
    if (characters > MAX_CHARACTERS) break;
    shown.push(message);
  }
  return shown.reverse().map(({ role, content }) => ({ role, content }));
}

// Converts a conversation to the form of endpoints.
import type { ModelMessage } from "ai";
import { GOES_ON, type ModelRequest } from "../chat/model.ts";

export interface PromptRules {
  /** Allow system messages between others; elsewhere they are shown as notes. */
  systemAnywhere?: boolean;
}

/**
 * Join the leading system messages with the system prompt, because many models accept only one. Show a tool's output as
 * a note: in a stored history it answers no call.
 */
export function toPrompt(
  { system, messages }: Pick<ModelRequest, "system" | "messages">,
  { systemAnywhere = false }: PromptRules,
): { instructions?: string; messages: ModelMessage[] } {
  const first = messages.findIndex(({ role }) => role !== "system");
  const leading = messages.slice(0, first).map(({ content }) => content);
  const isAnswer = messages[first]?.role === "assistant";
  const instructions = [system ?? "", ...leading].filter((text) => text.trim() !== "");
  return {
    ...(instructions.length > 0 && { instructions: instructions.join("\n\n") }),
    messages: [
      ...(isAnswer ? [{ role: "user" as const, content: GOES_ON }] : []),
      ...messages.slice(first).map(({ role, content }): ModelMessage => {
        if (role === "tool") return { role: "user", content: `[tool output]\n${content}` };
        if (role === "system" && !systemAnywhere)
          return { role: "user", content: `[system]\n${content}` };
        return { role, content };
      }),
    ],
  };
}

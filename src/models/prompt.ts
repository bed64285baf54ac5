// A conversation in the form that endpoints take.
import type { ModelMessage } from "ai";
import type { ModelRequest } from "../chat/model.ts";

export interface PromptRules {
  /** Whether system messages may stand between others; elsewhere they are shown as notes. */
  systemAnywhere?: boolean;
}

/**
 * What comes first as a system message joins the system prompt, because many models take only one. A tool's output
 * kept in a history has no call that it could answer, so it is shown as a note.
 */
export function toPrompt(
  { system, messages }: Pick<ModelRequest, "system" | "messages">,
  { systemAnywhere = false }: PromptRules,
): { instructions?: string; messages: ModelMessage[] } {
  const first = messages.findIndex(({ role }) => role !== "system");
  const leading = messages.slice(0, first).map(({ content }) => content);
  const instructions = [system ?? "", ...leading].filter((text) => text.trim() !== "");
  return {
    ...(instructions.length > 0 && { instructions: instructions.join("\n\n") }),
    messages: messages.slice(first).map(({ role, content }): ModelMessage => {
      if (role === "tool") return { role: "user", content: `[tool output]\n${content}` };
      if (role === "system" && !systemAnywhere)
        return { role: "user", content: `[system]\n${content}` };
      return { role, content };
    }),
  };
}

// The toolsets: which tools `tools/list` shows, as a setting, an address and a tool's definition say it.

export const TOOLSETS = ["core", "chat", "manage", "chatgpt"] as const;
/** Of one tool. */
export type Toolset = (typeof TOOLSETS)[number];

/** What a list may be asked for: `all` shows every tool, with its output schema. */
export const TOOLSET_NAMES = [...TOOLSETS, "all"] as const;
export type ToolsetName = (typeof TOOLSET_NAMES)[number];

/** Names separated by commas, as they stand; empty for text without any. */
export const splitToolsets = (text: string): string[] =>
  text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

/** Each once and in one order, so that equal lists are equal; undefined when one of them is none of ours. */
export function readToolsets(text: string): readonly ToolsetName[] | undefined {
  const names = splitToolsets(text);
  const known: readonly string[] = TOOLSET_NAMES;
  if (names.length === 0 || !names.every((name) => known.includes(name))) return undefined;
  if (names.includes("all")) return ["all"];
  return TOOLSET_NAMES.filter((name) => names.includes(name));
}

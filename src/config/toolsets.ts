// The toolsets: groups of tools that `tools/list` shows, as settings, addresses and definitions of tools name them.

export const TOOLSETS = ["core", "chat", "manage", "chatgpt", "tasks"] as const;
/** Toolset of one tool. */
export type Toolset = (typeof TOOLSETS)[number];

/** Names that a client may ask for: `all` shows every tool, with its output schema. */
export const TOOLSET_NAMES = [...TOOLSETS, "all"] as const;
export type ToolsetName = (typeof TOOLSET_NAMES)[number];

/** Split names at commas, unchecked; empty for text without any name. */
export const splitToolsets = (text: string): string[] =>
  text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

/** Names once each and in one order, so that equal lists are equal; undefined if one of them is unknown. */
export function readToolsets(text: string): readonly ToolsetName[] | undefined {
  const names = splitToolsets(text);
  const known: readonly string[] = TOOLSET_NAMES;
  if (names.length === 0 || !names.every((name) => known.includes(name))) return undefined;
  if (names.includes("all")) return ["all"];
  return TOOLSET_NAMES.filter((name) => names.includes(name));
}

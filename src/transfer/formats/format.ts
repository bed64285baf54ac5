// The file formats that can be imported.

/** `auto` detects the format from the file's content. The others behind `holdfast` are those of src/transfer/programs/. */
export const FORMATS = [
  ...(["auto", "holdfast", "chatgpt", "claude", "deepseek", "open-webui", "librechat"] as const),
  ...(["lobechat", "gemini", "claude-code", "codex", "cursor"] as const),
  ...(["grok", "le-chat", "gemini-cli", "opencode", "copilot"] as const),
  ...(["lm-studio", "typing-mind", "silly-tavern", "next-chat", "chatbox", "jan"] as const),
  "cherry-studio",
] as const;
export type Format = (typeof FORMATS)[number];

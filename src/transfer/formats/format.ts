// The file formats that can be imported.

/** `auto` detects the format from the file's content. */
export const FORMATS = ["auto", "holdfast", "chatgpt", "claude"] as const;
export type Format = (typeof FORMATS)[number];

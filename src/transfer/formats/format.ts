// The formats of files that can be imported.

/** `auto`: seen from the file. */
export const FORMATS = ["auto", "holdfast", "chatgpt", "claude"] as const;
export type Format = (typeof FORMATS)[number];

// Texts of other programs' messages as Markdown: documents in them, and names of files.
import { fenced } from "../../lib/text/fence.ts";

/** A document under its name, in a fence of its own. */
export const documentText = (name: string, content: string, language = ""): string =>
  `[${name}]\n${fenced(content.trimEnd(), language)}`;

export const fileText = (name: string | null, kind = "file"): string =>
  name === null ? `[${kind}]` : `[${kind}: ${name.replace(/\s+/g, " ")}]`;

/** The names of files, each once: programs list a file twice. `pictures`: the number of pictures, with or without a name. */
export const filesText = (names: readonly (string | null)[], pictures = 0): string[] => [
  ...new Set(names.map((name) => fileText(name))),
  ...Array<string>(Math.max(0, pictures - names.length)).fill(fileText(null, "image")),
];

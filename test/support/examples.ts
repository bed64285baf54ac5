// The examples of docs/tools.md, as files of a folder of tools.
import { readFileSync } from "node:fs";

export const TOOLS_DOC = readFileSync(new URL("../../docs/tools.md", import.meta.url), "utf8");

/** Sources by the file name that their first line has. */
export const examples: Readonly<Record<string, string>> = Object.fromEntries(
  [...TOOLS_DOC.matchAll(/```ts\n(\/\/ ([a-z]+\.ts)\n[\s\S]*?)```/g)].map((match) => [
    match[2]!,
    match[1]!,
  ]),
);

// The form of commander's help and errors: own options before settings, defaults in the user's spelling, and errors in
// one line that begins like all others of the program.
import type { Argument, Command, Option } from "commander";
import { folder } from "../config/kinds.ts";
import { eitherOf, expectedError } from "../lib/text/expected.ts";

export const withHelp = (program: Command): Command =>
  program
    .configureHelp({
      optionDescription,
      groupItems: (_all, visible, groupOf) =>
        new Map(
          [...Map.groupBy(visible, groupOf)].toSorted(
            ([a], [b]) => Number(isOwn(b)) - Number(isOwn(a)),
          ),
        ),
    })
    .configureOutput({ outputError: (text, write) => write(complaint(text)) });

/** Accept only these words, like commander's `choices`, but with the same error as for settings. */
export function onlyOf<T extends Option | Argument>(
  item: T,
  name: string,
  words: readonly string[],
): T {
  item.argChoices = [...words];
  item.argParser((text: string) => {
    if (words.includes(text)) return text;
    throw expectedError(name, eitherOf(words), text);
  });
  return item;
}

/** Read a count, the value of the flag `--name`. */
export const readCount =
  (name: string) =>
  (text: string): number => {
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
    throw expectedError(name, "a whole number from 1", text);
  };

/** Reads the path of a file or a folder. An empty one, as of an unset variable, would be the folder of the start. */
export const readPath =
  (name: string) =>
  (text: string): string => {
    const path = folder.read(text);
    if (path !== undefined) return path;
    throw expectedError(name, "the name of a file or a folder", text);
  };

const isOwn = (title: string): boolean => title === "Options:";

function optionDescription({ flags, description, argChoices, defaultValue }: Option): string {
  const told = argChoices?.every((word) => `${flags} ${description}`.includes(word)) ?? true;
  const what = told ? description : `${description}: ${argChoices!.join(", ")}`;
  return defaultValue === undefined ? what : `${what} (default: ${String(defaultValue)})`;
}

/** Join commander's lines: `error: unknown option '--prot'`, and a second one `(Did you mean --port?)`. */
function complaint(text: string): string {
  const [what, ...more] = text
    .replace(/^error: /, "")
    .trim()
    .split("\n");
  const rest = more.map((line) => line.replace(/^\((.*)\)$/, "$1"));
  const sentences = [what!.replace(/[^.?]$/, "$&."), ...rest, "--help shows what there is."];
  return `holdfast: ${sentences.join(" ")}\n`;
}

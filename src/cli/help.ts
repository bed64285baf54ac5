// How commander's help and its complaints read: own options before settings, defaults as one would write them, and one
// line that begins like all others of the program.
import type { Argument, Command, Option } from "commander";
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

/** As commander's `choices`, with a complaint like those of settings. */
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

/** Of the flag `--name`. */
export const readCount =
  (name: string) =>
  (text: string): number => {
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
    throw expectedError(name, "a whole number from 1", text);
  };

const isOwn = (title: string): boolean => title === "Options:";

function optionDescription({ flags, description, argChoices, defaultValue }: Option): string {
  const told = argChoices?.every((word) => `${flags} ${description}`.includes(word)) ?? true;
  const what = told ? description : `${description}: ${argChoices!.join(", ")}`;
  return defaultValue === undefined ? what : `${what} (default: ${String(defaultValue)})`;
}

/** commander writes `error: unknown option '--prot'` and a second line `(Did you mean --port?)`. */
function complaint(text: string): string {
  const [what, ...more] = text
    .replace(/^error: /, "")
    .trim()
    .split("\n");
  const rest = more.map((line) => line.replace(/^\((.*)\)$/, "$1"));
  const sentences = [what!.replace(/[^.?]$/, "$&."), ...rest, "--help shows what there is."];
  return `holdfast: ${sentences.join(" ")}\n`;
}

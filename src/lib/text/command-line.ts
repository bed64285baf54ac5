// The words by which a person runs the program: in a clone, no shell knows `holdfast`.
import { existsSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { once } from "../once.ts";

/** `keys list` as a person has to type it: `holdfast keys list`, or `npx --no holdfast keys list` in a clone. */
export const commandLine = (words: string): string => `${program()} ${words}`;

const program = once(() => (runsFromClone() && !shellKnowsIt() ? "npx --no holdfast" : "holdfast"));

/** The package, the bundle and the single executable have no source beside them. */
function runsFromClone(): boolean {
  try {
    const folder = dirname(realpathSync(process.argv[1]!));
    return existsSync(join(folder, "holdfast.js")) && existsSync(join(folder, "../src/main.ts"));
  } catch {
    return false;
  }
}

/** Folders of packages are left out: npm adds them to the path of what it runs. */
const shellKnowsIt = (): boolean =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "" && !/node_modules[/\\]/.test(`${folder}/`))
    .some((folder) => ["holdfast", "holdfast.cmd"].some((name) => existsSync(join(folder, name))));

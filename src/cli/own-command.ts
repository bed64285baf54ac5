// The words that start this program anew.
import { resolve } from "node:path";
import { isSea } from "node:sea";

export const ownCommand = (): [string, ...string[]] => [
  process.execPath,
  ...(isSea() ? [] : [resolve(process.argv[1]!)]),
];

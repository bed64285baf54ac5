// One file of tools, prompts and resources: its name, and its exports.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { asTool } from "../definitions/running.ts";
import { AppError } from "../lib/errors.ts";
import { systemReason } from "../lib/system-errors.ts";
import { type Importer, reasonOf } from "./modules.ts";
import { type Definitions, definitionsOf } from "./offer.ts";

/** Longest wait at a module's top level, in milliseconds; a slower module is left out. */
const LOAD_MS = 10_000;

/** Names of the files with tools directly in a folder, sorted. `from`: where its name was given. @throws AppError `start` */
export async function toolFiles(folder: string, from = "tools: "): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory() && isToolFile(entry.name))
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    const reason = systemReason(error);
    if (reason === undefined) throw error;
    throw new AppError("start", `${from}${folder} cannot be read: ${reason}.`, {
      hint: "Name a folder with files that export tools.",
      cause: error,
    });
  }
}

export const isToolFile = (name: string): boolean =>
  /^[^.].*\.m?[jt]s$/.test(name) && !/\.(test\.m?[jt]s|d\.m?ts)$/.test(name);

/** Load a file's definitions, or the reason why it has none. */
export async function loadToolFile(
  importer: Importer,
  folder: string,
  name: string,
): Promise<Definitions | { reason: string }> {
  const loaded = new AbortController();
  try {
    const module = await Promise.race([
      asTool(name, () => importer.import(pathToFileURL(join(folder, name)).href)),
      sleep(LOAD_MS, undefined, loaded),
    ]);
    if (module === undefined)
      return { reason: `it still waits for something after ${LOAD_MS / 1_000} s` };
    const definitions = definitionsOf(module);
    return Object.values(definitions).some((some: readonly unknown[]) => some.length > 0)
      ? definitions
      : { reason: "it exports no tool; a tool is what defineTool({ … }) returns" };
  } catch (error) {
    return { reason: reasonOf(error, join(folder, name)) };
  } finally {
    loaded.abort();
  }
}

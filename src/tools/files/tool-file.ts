// One file of tools: which files are such, and what they export.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { AppError } from "../../kernel/errors.ts";
import { systemReason } from "../../kernel/system-errors.ts";
import { asTool } from "../running.ts";
import { isTool, type Tool } from "../tool.ts";
import { reasonOf, type Importer } from "./modules.ts";

/** A module that waits at its top level for longer is left out. */
const LOAD_MS = 10_000;

/** The names of the files with tools directly in a folder, sorted. @throws AppError `start` */
export async function toolFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory() && isToolFile(entry.name))
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    const reason = systemReason(error);
    if (reason === undefined) throw error;
    throw new AppError("start", `tools: ${folder} cannot be read: ${reason}.`, {
      hint: "The setting `tools` names a folder with files that export tools.",
      cause: error,
    });
  }
}

export const isToolFile = (name: string): boolean =>
  /^[^.].*\.m?[jt]s$/.test(name) && !/\.(test\.m?[jt]s|d\.m?ts)$/.test(name);

/** What a file gives: its tools, or why there are none. */
export async function loadToolFile(
  importer: Importer,
  folder: string,
  name: string,
): Promise<readonly Tool[] | { reason: string }> {
  const loaded = new AbortController();
  try {
    const module = await Promise.race([
      asTool(name, () => importer.import(pathToFileURL(join(folder, name)).href)),
      sleep(LOAD_MS, undefined, loaded),
    ]);
    if (module === undefined)
      return { reason: `it still waits for something after ${LOAD_MS / 1_000} s` };
    const tools = toolsOf(module);
    return tools.length > 0
      ? tools
      : { reason: "it exports no tool; a tool is what defineTool({ … }) returns" };
  } catch (error) {
    return { reason: reasonOf(error) };
  } finally {
    loaded.abort();
  }
}

/** All exports that are tools or lists of tools, each once. */
const toolsOf = (module: Record<string, unknown>): Tool[] => [
  ...new Set(Object.values(module).flat().filter(isTool)),
];

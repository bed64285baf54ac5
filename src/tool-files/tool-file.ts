// One file of tools, prompts and resources: its name, and its exports.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { asTool } from "../definitions/running.ts";
import { AppError } from "../lib/errors.ts";
import { systemReason } from "../lib/system-errors.ts";
import { faultOf, type Importer } from "./modules.ts";
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
  const { href } = pathToFileURL(join(folder, name));
  try {
    const module = await Promise.race([
      asTool(name, () => importer.import(href)),
      sleep(LOAD_MS, undefined, loaded),
    ]);
    if (module === undefined)
      return { reason: `it still waits for something after ${LOAD_MS / 1_000} s` };
    const definitions = definitionsOf(module);
    const isEmpty = Object.values(definitions).every((some: readonly unknown[]) => !some.length);
    const reason = isEmpty ? whyEmpty(module) : forgotten(module, definitions);
    return reason === undefined ? definitions : { reason };
  } catch (error) {
    return { reason: faultOf(error, href) };
  } finally {
    loaded.abort();
  }
}

const IS_TOOL = "a tool is what defineTool({ … }) returns";

const whyEmpty = (module: object): string =>
  Object.values(module)
    .flat()
    .some((value) => value instanceof Promise)
    ? "it exports no tool, but a promise: put `await` before it"
    : `it exports no tool; ${IS_TOOL}`;

/** The reason against a file that has tools, and exports the fields of another without making a tool of them. */
function forgotten(module: object, { tools }: Definitions): string | undefined {
  const isForgotten = (value: unknown): boolean => {
    const { name, description, handler } = (value ?? {}) as Record<string, unknown>;
    const isSpec = typeof description === "string" && typeof handler === "function";
    return isSpec && !tools.some((tool) => tool.name === name);
  };
  const found = Object.entries(module).find(([, value]) => [value].flat().some(isForgotten));
  return found && `its export ${found[0]} is no tool; ${IS_TOOL}`;
}

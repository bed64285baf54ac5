// A folder with the user's own tools, prompts and resources: loaded at the start, and again whenever a file in it
// changes. A faulty file never affects the others. A file that breaks while the server runs keeps its last working
// tools.
import { type FSWatcher, watch } from "node:fs";
import { basename } from "node:path";
import * as zod from "zod";
import { systemReason } from "../lib/system-errors.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { List } from "../updates/delivery.ts";
import { newImporter, type Provided } from "./modules.ts";
import { type Fault, type Group, offer, type Registries } from "./offer.ts";
import { isToolFile, loadToolFile, toolFiles } from "./tool-file.ts";

/** Milliseconds to wait after a change: editors write a file in several steps. */
const SETTLE_MS = 150;

/** Name of the package, for files that are written beside it. */
const PACKAGE = "@holdfast-mcp/holdfast";

export interface ToolFolderParts {
  folder: string;
  registries: Registries;
  /** Module for `import … from "holdfast"`. */
  library: object;
  /** Receives one line about each fault in a file. */
  onFault(line: string): void;
  /** Called when this list has changed. */
  onChange(list: List): void;
  log: Logger;
}

export class ToolFolder {
  readonly #parts: ToolFolderParts;
  readonly #provided: Provided;
  #groups: readonly Group[] = [];
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Reloads one at a time, in order. */
  #reloading: Promise<void> = Promise.resolve();

  constructor(parts: ToolFolderParts) {
    this.#parts = parts;
    const { library } = parts;
    this.#provided = { holdfast: library, [PACKAGE]: library, zod, "zod/v4": zod };
  }

  /** @throws AppError `start` for a missing folder */
  async start(): Promise<void> {
    const files = await toolFiles(this.#parts.folder); // before watching, whose errors say less
    this.#watch();
    await (this.#reloading = this.#load(files));
  }

  /** Definitions from files that are served now, by kind. */
  get loaded(): Record<List, string[]> {
    const all = this.#groups.map(({ definitions }) => definitions);
    return {
      tools: all.flatMap(({ tools }) => tools.map(nameOf)),
      prompts: all.flatMap(({ prompts }) => prompts.map(nameOf)),
      resources: all.flatMap(({ resources }) => resources.map(({ key }) => key)),
    };
  }

  /** Name of the file that gives this tool now. */
  fileOf(tool: string): string | undefined {
    const isIts = ({ definitions: { tools } }: Group): boolean =>
      tools.some(({ name }) => name === tool);
    return this.#groups.find(isIts)?.from;
  }

  /** Resolves when no file of the folder is being loaded any more. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#watcher?.close();
    await this.#reloading;
  }

  #watch(): void {
    const { folder, onFault } = this.#parts;
    const failed = (error: unknown): void =>
      onFault(`tools: changes are not noticed: ${systemReason(error) ?? String(error)}`);
    try {
      this.#watcher = watch(folder, { persistent: false }, (_, name) => this.#noticed(name));
      this.#watcher.on("error", failed);
    } catch (error) {
      failed(error); // a system has a limited number of watchers
    }
  }

  #noticed(name: string | null): void {
    if (name !== null && !isToolFile(name) && name !== basename(this.#parts.folder)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#reloading = this.#reloading.then(() => this.#reload());
    }, SETTLE_MS).unref();
  }

  async #reload(): Promise<void> {
    const { folder, log, onFault } = this.#parts;
    try {
      await this.#load(await toolFiles(folder));
      log.info(this.loaded, "tools reloaded");
    } catch (error) {
      onFault(`${error instanceof Error ? error.message : String(error)} The last tools stay.`);
    }
  }

  async #load(files: readonly string[]): Promise<void> {
    const { folder, registries, onChange, onFault } = this.#parts;
    const importer = newImporter(this.#provided);
    const loaded = await Promise.all(
      files.map(async (from) => ({ from, given: await loadToolFile(importer, folder, from) })),
    );
    const faults: Fault[] = [];
    const groups = loaded.flatMap(({ from, given }): Group[] => {
      if (!("reason" in given)) return [{ from, definitions: given }];
      faults.push({ from, reason: given.reason });
      return this.#groups.filter((group) => group.from === from);
    });
    const { faults: refused, changed } = offer(registries, groups);
    this.#groups = groups.filter(({ from }) => !refused.some((fault) => fault.from === from));
    for (const { from, reason } of [...faults, ...refused]) {
      const stays = this.#groups.some((group) => group.from === from);
      const outcome = stays ? "not reloaded, its last tools stay" : "not loaded";
      onFault(`tools: ${from}: ${outcome}: ${reason}`);
    }
    changed.forEach(onChange);
  }
}

const nameOf = ({ name }: { name: string }): string => name;

// A folder with tools, prompts and resources of the user's own: loaded at the start, and again whenever a file in it changes. One file with a
// fault never keeps the others from working; a file that breaks while the server runs keeps its last tools that worked.
import { watch, type FSWatcher } from "node:fs";
import { basename } from "node:path";
import * as zod from "zod";
import { systemReason } from "../lib/system-errors.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { List } from "../updates/delivery.ts";
import { newImporter, type Provided } from "./modules.ts";
import { offer, type Fault, type Group, type Registries } from "./offer.ts";
import { isToolFile, loadToolFile, toolFiles } from "./tool-file.ts";

/** Editors write a file in several steps. */
const SETTLE_MS = 150;

/** The package's own name, for files that are written beside it. */
const PACKAGE = "@holdfast-mcp/holdfast";

export interface ToolFolderParts {
  folder: string;
  registries: Registries;
  /** What files get for `import … from "holdfast"`. */
  library: object;
  /** Told in one line what is wrong with a file. */
  onFault(line: string): void;
  /** This list is another one now. */
  onChange(list: List): void;
  log: Logger;
}

export class ToolFolder {
  readonly #parts: ToolFolderParts;
  readonly #provided: Provided;
  #groups: readonly Group[] = [];
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** One at a time, in order. */
  #reloading: Promise<void> = Promise.resolve();

  constructor(parts: ToolFolderParts) {
    this.#parts = parts;
    const { library } = parts;
    this.#provided = { holdfast: library, [PACKAGE]: library, zod, "zod/v4": zod };
  }

  /** @throws AppError `start` when there is no such folder */
  async start(): Promise<void> {
    const files = await toolFiles(this.#parts.folder); // before it is watched, for that tells less of what is wrong
    this.#watch();
    await (this.#reloading = this.#load(files));
  }

  /** What is served from files now, by kind. */
  get loaded(): Record<List, string[]> {
    const all = this.#groups.map(({ definitions }) => definitions);
    return {
      tools: all.flatMap(({ tools }) => tools.map(nameOf)),
      prompts: all.flatMap(({ prompts }) => prompts.map(nameOf)),
      resources: all.flatMap(({ resources }) => resources.map(({ key }) => key)),
    };
  }

  /** Resolves when nothing of the folder is being loaded any more. */
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
      failed(error); // a system has only so many watchers
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

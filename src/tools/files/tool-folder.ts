// A folder with tools of the user's own: loaded at the start, and again whenever a file in it changes. One file with a
// fault never keeps the others from working; a file that breaks while the server runs keeps its last tools that worked.
import { watch, type FSWatcher } from "node:fs";
import { basename } from "node:path";
import * as zod from "zod";
import { systemReason } from "../../kernel/system-errors.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { ToolFault, ToolGroup, ToolRegistry } from "../registry.ts";
import { newImporter, type Provided } from "./modules.ts";
import { isToolFile, loadToolFile, toolFiles } from "./tool-file.ts";

/** Editors write a file in several steps. */
const SETTLE_MS = 150;

export interface ToolFolderParts {
  folder: string;
  registry: ToolRegistry;
  /** What files get for `import … from "holdfast"`. */
  library: object;
  /** Told in one line what is wrong with a file. */
  onFault(line: string): void;
  /** The list of tools is another one now. */
  onChange(): void;
  log: Logger;
}

export class ToolFolder {
  readonly #parts: ToolFolderParts;
  readonly #provided: Provided;
  #groups: readonly ToolGroup[] = [];
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** One at a time, in order. */
  #reloading: Promise<void> = Promise.resolve();

  constructor(parts: ToolFolderParts) {
    this.#parts = parts;
    this.#provided = { holdfast: parts.library, zod, "zod/v4": zod };
  }

  /** @throws AppError `start` when there is no such folder */
  async start(): Promise<void> {
    const files = await toolFiles(this.#parts.folder); // before it is watched, for that tells less of what is wrong
    this.#watch();
    await (this.#reloading = this.#load(files));
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
      log.info({ tools: this.#groups.flatMap(({ tools }) => tools.map(nameOf)) }, "tools reloaded");
    } catch (error) {
      onFault(`${error instanceof Error ? error.message : String(error)} The last tools stay.`);
    }
  }

  async #load(files: readonly string[]): Promise<void> {
    const { folder, registry, onChange, onFault } = this.#parts;
    const importer = newImporter(this.#provided);
    const loaded = await Promise.all(
      files.map(async (from) => ({ from, tools: await loadToolFile(importer, folder, from) })),
    );
    const faults: ToolFault[] = [];
    const groups = loaded.flatMap(({ from, tools }): ToolGroup[] => {
      if (!("reason" in tools)) return [{ from, tools }];
      faults.push({ from, reason: tools.reason });
      return this.#groups.filter((group) => group.from === from);
    });
    const { faults: refused, changed } = registry.replace(groups);
    this.#groups = groups.filter(({ from }) => !refused.some((fault) => fault.from === from));
    for (const { from, reason } of [...faults, ...refused]) {
      const stays = this.#groups.some((group) => group.from === from);
      const outcome = stays ? "not reloaded, its last tools stay" : "not loaded";
      onFault(`tools: ${from}: ${outcome}: ${reason}`);
    }
    if (changed) onChange();
  }
}

const nameOf = ({ name }: { name: string }): string => name;

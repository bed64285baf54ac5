// A temporary file of converted conversations, so that an import of any size needs the memory of one conversation.
import { closeSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { atFile, systemReason, temporaryFolderUnusable } from "../../lib/system-errors.ts";
import type { Place } from "../input/lines.ts";

export class Spool {
  readonly #folder: string;
  /** The file of conversations. */
  readonly path: string;
  #file: number | undefined;
  #end = 0;

  readonly #unusable: (error: unknown) => unknown;

  private constructor(folder: string, unusable: (error: unknown) => unknown) {
    this.#folder = folder;
    this.#unusable = unusable;
    this.path = join(folder, "conversations.jsonl");
    this.#file = openSync(this.path, "wx", 0o600);
  }

  /** Makes a folder for its owner alone. `prefix`: beginning of its path. @throws AppError that names the folder */
  static async open(prefix?: string): Promise<Spool> {
    const unusable = (error: unknown): unknown =>
      prefix === undefined ? temporaryFolderUnusable(error) : atFile(dirname(prefix), error);
    try {
      return new Spool(await mkdtemp(prefix ?? join(tmpdir(), "holdfast-import-")), unusable);
    } catch (error) {
      throw unusable(error);
    }
  }

  /** A path for another file. */
  pathOf = (name: string): string => join(this.#folder, name);

  /** Appends lines. @returns their place @throws AppError when the disk is full */
  add(lines: readonly string[]): { begins: Place; until: number } {
    const begins = { number: 0, end: this.#end };
    const bytes = Buffer.from(`${lines.join("\n")}\n`);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.#file!, bytes, at);
    } catch (error) {
      throw systemReason(error) === undefined ? error : this.#unusable(error);
    }
    this.#end += bytes.length;
    return { begins, until: this.#end };
  }

  async remove(): Promise<void> {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

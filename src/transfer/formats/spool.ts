// A temporary file of converted conversations, so that an import of any size needs the memory of one conversation.
import { closeSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemReason, temporaryFolderUnusable } from "../../lib/system-errors.ts";
import type { Place } from "../input/lines.ts";

export class Spool {
  readonly #folder: string;
  /** The file of conversations. */
  readonly path: string;
  #file: number | undefined;
  #end = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, "conversations.jsonl");
    this.#file = openSync(this.path, "wx", 0o600);
  }

  /** Makes a folder for its owner alone. @throws AppError `start` */
  static async open(): Promise<Spool> {
    try {
      return new Spool(await mkdtemp(join(tmpdir(), "holdfast-import-")));
    } catch (error) {
      throw temporaryFolderUnusable(error);
    }
  }

  /** A path for another file. */
  pathOf = (name: string): string => join(this.#folder, name);

  /** Appends lines. @returns their place @throws AppError `start` when the disk is full */
  add(lines: readonly string[]): { begins: Place; until: number } {
    const begins = { number: 0, end: this.#end };
    const bytes = Buffer.from(`${lines.join("\n")}\n`);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.#file!, bytes, at);
    } catch (error) {
      throw systemReason(error) === undefined ? error : temporaryFolderUnusable(error);
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

// The files that a name stands for: the file itself, or those of a folder that may hold conversations.
import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { AppError } from "../../lib/errors.ts";
import { systemReason } from "../../lib/system-errors.ts";
import { counted } from "../../lib/text/plural.ts";

export interface Found {
  path: string;
  /** Name for people. */
  name: string;
  size: number;
  isNamed: boolean;
  /** True for a file whose name tells nothing of its kind. */
  isGuess: boolean;
  /** The reason why it cannot be read. */
  fault?: AppError;
}

/** Most files of a folder or an archive. */
export const MAX_FILES = 200_000;
const MAX_DEPTH = 12;
/** Endings of files that may hold conversations. */
const READABLE = /\.(?:jsonl?|ndjson)(?:\.gz)?$/i;
/** Endings of archives. */
export const ARCHIVE = /\.(?:zip|tar|tgz|tar\.gz)$/i;
/** Endings of archives that cannot be unpacked here, and are named. */
const OTHER_ARCHIVE = /\.(?:7z|rar)$/i;
/** Web pages, which may be Google's "My Activity". ChatGPT's repeats what is in its other files. */
export const WEB_PAGE = /(?<!(?:^|\/)chat)\.html$/i;
/** Names that tell nothing of the kind. */
const GUESS = /^[^.]+$|\.txt$/i;

/** True for a file of macOS about another file. */
const isForgotten = (name: string): boolean => /(?:^|\/)(?:__MACOSX\/|\._)/.test(name);

/** The files of a path in order; a name that cannot be read is one with its fault. @throws AppError `limit` */
export async function filesOf(path: string): Promise<Found[]> {
  const named = { path, name: basename(path), size: 0, isNamed: true, isGuess: false };
  try {
    const about = await stat(path);
    if (!about.isDirectory()) return [{ ...named, size: about.size }];
    const found = await new Walk(path).files();
    if (found.length > 0) return found.toSorted(byName);
    throw new AppError("invalid", `${path}: the folder holds no .json, .jsonl or .zip file.`);
  } catch (error) {
    return [{ ...named, fault: unreadable(error) }];
  }
}

/** Files of a folder or an archive in order; what is about conversations comes before them. */
export const byName = (a: { name: string }, b: { name: string }): number =>
  Number(isAbout(b.name)) - Number(isAbout(a.name)) ||
  a.name.localeCompare(b.name, "en", { numeric: true });

/** True for a list of projects, and for a thread of Jan. */
const isAbout = (name: string): boolean =>
  /(?:^|\/)(?:projects(?:\.json$|\/)|thread\.json$)/.test(name);

/** A way through a folder. It follows symbolic links, and meets each file and folder once. */
class Walk {
  readonly #root: string;
  readonly #found: Found[] = [];
  readonly #met = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  async files(): Promise<Found[]> {
    await this.#visit(this.#root, await realpath(this.#root), 0);
    return this.#found;
  }

  async #visit(folder: string, real: string, depth: number): Promise<void> {
    if (depth > MAX_DEPTH || this.#met.has(real)) return;
    this.#met.add(real);
    const entries = await readdir(folder, { withFileTypes: true });
    // Links come last: the file itself has the better name.
    for (const entry of entries.toSorted((a, b) => Number(isLink(a)) - Number(isLink(b)))) {
      const inside = join(folder, entry.name);
      try {
        const target = isLink(entry) ? await realpath(inside) : join(real, entry.name);
        const isFolder = isLink(entry) ? (await stat(target)).isDirectory() : entry.isDirectory();
        if (isFolder) await this.#visit(inside, target, depth + 1);
        else if (isLink(entry) || entry.isFile()) await this.#add(inside, target);
      } catch (error) {
        if (isWanted(entry.name) || entry.isDirectory())
          this.#push(inside, { fault: unreadable(error) });
      }
    }
  }

  async #add(path: string, real: string): Promise<void> {
    const name = basename(path);
    if (!isWanted(name) || isForgotten(name) || this.#met.has(real)) return;
    this.#met.add(real);
    const about = await stat(path);
    if (!about.isFile()) return;
    this.#push(path, { size: about.size, isGuess: isGuess(name) });
  }

  #push(path: string, more: Partial<Found>): void {
    if (this.#found.length >= MAX_FILES) throw tooMany();
    const name = relative(this.#root, path);
    this.#found.push({ path, name, size: 0, isNamed: false, isGuess: false, ...more });
  }
}

const isLink = (entry: Dirent): boolean => entry.isSymbolicLink();

const isGuess = (name: string): boolean => GUESS.test(name) || WEB_PAGE.test(name);

const isWanted = (name: string): boolean =>
  [READABLE, ARCHIVE, OTHER_ARCHIVE].some((ending) => ending.test(name)) || isGuess(name);

/** True for a file in an archive that may hold conversations. */
export const isReadable = (name: string): boolean =>
  [READABLE, ARCHIVE, WEB_PAGE].some((ending) => ending.test(name)) && !isForgotten(name);

/** An error of the system at one file as that file's own fault. @throws any other error, and AppError `limit` */
export function unreadable(error: unknown): AppError {
  if (error instanceof AppError && error.code === "invalid") return error;
  const reason = systemReason(error);
  if (reason === undefined) throw error;
  return new AppError("invalid", `It cannot be read: ${reason}.`, { cause: error });
}

export const tooMany = (): AppError =>
  new AppError("limit", `There are more than ${counted(MAX_FILES, "file")} to import.`);

// Detects that the database's files are no longer the opened ones: deleted, replaced by a copy, or moved with their
// folder. SQLite would go on writing into lost files.
import { statSync } from "node:fs";
import { AppError } from "../../../lib/errors.ts";

const SUFFIXES = ["", "-wal", "-shm"] as const;

/** Between looks while nothing is written, in milliseconds. */
const INTERVAL_MS = 1_000;

export class OwnFiles {
  readonly #database: string;
  /** Device and inode, by path. */
  readonly #known = new Map<string, string>();
  readonly #timer: NodeJS.Timeout;
  #lost: AppError | undefined;
  #onLost: ((error: AppError) => void) | undefined;

  /** `onLost` is called once. */
  constructor(database: string, onLost: (error: AppError) => void) {
    this.#database = database;
    this.#onLost = onLost;
    this.#timer = setInterval(() => this.#look(), INTERVAL_MS).unref();
    this.#look();
  }

  /** @throws AppError `storage` when they are others now */
  check(): void {
    this.#look();
    this.refuseLost();
  }

  /** @throws AppError `storage` once it is known that they are others */
  refuseLost(): void {
    if (this.#lost) throw this.#lost;
  }

  get lost(): boolean {
    return this.#lost !== undefined;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    if (this.#lost) return;
    const other = SUFFIXES.map((suffix) => `${this.#database}${suffix}`).find(
      (path) => !this.#isSame(path),
    );
    if (other === undefined) return;
    this.close();
    this.#lost = new AppError(
      "storage",
      "A file of the database was deleted, moved or replaced while it was in use.",
      {
        file: other,
        hint: "What was written last may be lost. The next start uses the files that are there.",
      },
    );
    this.#onLost?.(this.#lost);
  }

  /** The log and its index come with the first commit. */
  #isSame(path: string): boolean {
    const found = statSync(path, { throwIfNoEntry: false });
    const identity = found && `${found.dev}:${found.ino}`;
    const known = this.#known.get(path);
    if (known !== undefined) return known === identity;
    if (identity !== undefined) this.#known.set(path, identity);
    return true;
  }
}

// Durability without holding up the event loop. Commits go into the write-ahead log with `synchronous=NORMAL`, which does
// not wait for the disk; the log is then synced on another thread, once for all commits that came in meanwhile, and only
// after that their promises resolve. What SQLite's FULL gives, it gives too: the frames of a commit are on disk, in order.
//
// Another thread helps only where something can go on meanwhile: to wake it, and to be woken by it, takes as long as a quick
// disk does. A commit for which all requests at work wait is synced at once, as long as the disk has been quick.
//
// A sync that failed is not made good by the next one: the system may have dropped the pages. Until a checkpoint has
// brought the log into the database, nothing more is committed behind the hole.
import {
  close,
  closeSync,
  existsSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  openSync,
} from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { AppError } from "../../../lib/errors.ts";

const closeFile = promisify(close);

/** Brings the data of an open file to the disk. */
export interface Disk {
  /** On another thread. */
  sync(descriptor: number): Promise<void>;
  /** On this thread, which waits. */
  syncNow(descriptor: number): void;
}

const REAL_DISK: Disk = { sync: promisify(fdatasync), syncNow: fdatasyncSync };

/** A disk is quick while its last sync took less, in milliseconds: this long the event loop may stand still. */
const QUICK_MS = 0.5;

export class LogSync {
  readonly #file: string;
  readonly #disk: Disk;
  readonly #now: () => number;
  #descriptor: number | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #unconfirmed = false;
  /** Of the last sync; one that failed counts as slow. */
  #lastMs = Infinity;

  /** `database`: path of the database file; `now`: milliseconds. */
  constructor(database: string, disk = REAL_DISK, now = () => performance.now()) {
    this.#disk = disk;
    this.#now = now;
    this.#file = `${database}-wal`;
    // Opened now, it is told of a failure that another process's commit meets later.
    if (existsSync(this.#file)) this.#descriptor = this.#open();
  }

  /** True after a failed sync, until a checkpoint makes it good. */
  get unconfirmed(): boolean {
    return this.#unconfirmed;
  }

  /** Called after a checkpoint that brought the whole log into the database on disk. */
  confirmed(): void {
    this.#unconfirmed = false;
  }

  /** True while commits may not be on disk yet. */
  get pending(): boolean {
    return this.#running !== undefined || this.#next !== undefined;
  }

  /** Resolves when everything that is committed now is on disk. `allWait`: nothing can go on meanwhile. */
  sync({ allWait = false } = {}): Promise<void> {
    // One that has not begun yet covers everything that is committed by now; the one that runs may not.
    if (this.#next !== undefined) return this.#next;
    if (this.#running === undefined) return this.#start(allWait);
    this.#next = this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  /** Resolves when everything that is committed now, and for which `sync` was called, is on disk. */
  async settled(): Promise<void> {
    await (this.#next ?? this.#running);
  }

  async close(): Promise<void> {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) await closeFile(descriptor);
  }

  #start(allWait = false): Promise<void> {
    const running = this.#sync(allWait).finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #sync(allWait: boolean): Promise<void> {
    try {
      this.#descriptor ??= this.#open();
      const began = this.#now();
      if (allWait && this.#lastMs < QUICK_MS) this.#disk.syncNow(this.#descriptor);
      else await this.#disk.sync(this.#descriptor);
      this.#lastMs = this.#now() - began;
      // A commit behind a hole is lost with the hole, even if it is on disk itself.
      if (this.#unconfirmed) throw new Error("A sync before this one failed.");
    } catch (error) {
      this.#unconfirmed = true;
      this.#lastMs = Infinity;
      throw new AppError("storage", "The disk did not confirm a write: it may be stored or not.", {
        hint: "Look before you repeat it, and check the disk.",
        cause: error,
      });
    }
  }

  /** The log is there once something is committed, and keeps its file until the last connection closes. */
  #open(): number {
    const descriptor = openSync(this.#file, "r+");
    if (process.platform === "win32") return descriptor; // folders cannot be synced there
    const folder = openSync(dirname(this.#file), "r");
    fsyncSync(folder); // the log's name is on disk too
    closeSync(folder);
    return descriptor;
  }
}

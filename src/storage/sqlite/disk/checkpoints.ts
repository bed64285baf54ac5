// Checkpoints on a thread of their own. SQLite would fold a full log into the database inside of a COMMIT, which holds up
// the whole program for as long as the disk takes. It goes on to do so until the thread is there, and where none can run.
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { Sqlite } from "../engine/connection.ts";
import { loadedAddon } from "../engine/native.ts";

/** Number of commits between two looks at the log. */
const LOOK_EVERY = 8;
/** SQLite's own default for the size of the log. */
export const USUAL_PAGES = 1_000;
/** Pages that a checkpoint writes in a few milliseconds. */
const SHORT_PAGES = 250;
/** Passes after which commits wait also for a longer one: the log must not grow for ever. */
const MAX_PASSES = 10;
/** Part of the wanted size at which a checkpoint begins. */
const BEGIN_AT = 1 / 2;

/** Text, because the single executable has no file for a thread. Each message is answered when its checkpoint is over. */
const THREAD = `
const { parentPort, workerData: { file, library, addon } } = require("node:worker_threads");
const database = library ? new (require(library))(file, { fileMustExist: true, timeout: 0 }) : open();
parentPort.on("message", (message) => {
  if (message === "close") { database.close(); parentPort.close(); return; }
  try { database.exec("PRAGMA wal_checkpoint(PASSIVE)"); } catch {}
  parentPort.postMessage("over");
});
function open() {
  const module = { exports: {} };
  process.dlopen(module, addon); // the library that is loaded already: a second one would break the file's locks
  module.exports.initialize(Error, () => [], () => {}, () => [], () => ({}));
  return new module.exports.Database(file, file, false, false, true, 0, null, null, null, null);
}`;

/** In pages: of the log, and of these, in the database. */
interface Reach {
  log: number;
  checkpointed: number;
}

export class Checkpoints {
  readonly #sqlite: Sqlite;
  readonly #reach;
  /** Wanted size of the log, in pages. */
  #pages: number;
  /** Pages that the last checkpoint had to leave: somebody reads an old state. */
  #kept = 0;
  #thread: Worker | undefined;
  #failed = false;
  #commits = 0;
  #running = false;
  #held: Promise<void> | undefined;
  #over: (() => void) | undefined;

  constructor(sqlite: Sqlite) {
    this.#sqlite = sqlite;
    this.#reach = sqlite.prepare<[], Reach>("PRAGMA wal_checkpoint(NOOP)");
    this.#pages = sqlite.pragma("wal_autocheckpoint", { simple: true }) as number;
  }

  /** Bounds the log to so many pages, unless a reader needs an old state. */
  bound(pages: number): void {
    this.#pages = pages;
    this.#setAutomatic();
  }

  /** Called after each commit. */
  committed(): void {
    this.#commits += 1;
    if (this.#commits % LOOK_EVERY !== 0 || this.#running || this.#failed) return;
    const left = this.#left;
    this.#kept = Math.min(this.#kept, left);
    if (left - this.#kept >= this.#pages * BEGIN_AT) void this.#run().catch(() => undefined);
  }

  /** Present while commits wait, so that a checkpoint reaches the end of the log, which then begins anew. */
  get held(): Promise<void> | undefined {
    return this.#held;
  }

  /** Resolves when the thread has closed its connection. */
  async close(): Promise<void> {
    this.#failed = true;
    const thread = this.#thread;
    if (thread === undefined) return;
    thread.ref();
    const exited = new Promise((resolve) => thread.once("exit", resolve));
    thread.postMessage("close");
    await exited;
  }

  /** Pages of the log that are not in the database yet. */
  get #left(): number {
    const { log, checkpointed } = this.#reach.get()!;
    return log - checkpointed;
  }

  /** On a disk with little room, SQLite's own checkpoints keep the log within its bound at each commit. */
  #setAutomatic(): void {
    const isOurs = this.#thread !== undefined && this.#pages >= USUAL_PAGES;
    this.#sqlite.pragma(`wal_autocheckpoint = ${isOurs ? 0 : this.#pages}`);
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      // Each pass leaves what was committed meanwhile, less and less, until commits can wait for the last one.
      for (let pass = 1; pass <= MAX_PASSES; pass += 1) {
        const { checkpointed } = this.#reach.get()!;
        await this.#checkpoint();
        const after = this.#reach.get()!;
        this.#kept = after.log - after.checkpointed;
        const isStuck = after.checkpointed === checkpointed;
        if (this.#failed || this.#kept === 0 || isStuck) return;
        if (this.#kept <= SHORT_PAGES) break;
      }
      this.#held = this.#checkpoint();
      await this.#held;
      this.#kept = this.#left;
    } finally {
      this.#held = undefined;
      this.#running = false;
    }
  }

  /** Resolves when the thread has made a checkpoint, or has ended. */
  #checkpoint(): Promise<void> {
    return new Promise((resolve) => {
      this.#over = resolve;
      if (this.#failed) return resolve();
      try {
        if (this.#thread === undefined) {
          this.#thread = this.#start();
          this.#setAutomatic();
        }
        this.#thread.ref(); // commits may wait for it
        this.#thread.postMessage("checkpoint");
      } catch {
        this.#failed = true; // SQLite's own checkpoints go on
        resolve();
      }
    });
  }

  #start(): Worker {
    const { name: file } = this.#sqlite;
    const addon = loadedAddon();
    const library = addon === undefined && createRequire(import.meta.url).resolve("better-sqlite3");
    const thread = new Worker(THREAD, { eval: true, workerData: { file, library, addon } });
    const ended = (): void => {
      this.#failed = true;
      this.#thread = undefined;
      this.#over?.();
      if (this.#sqlite.open) this.#setAutomatic();
    };
    thread.on("message", () => {
      if (!this.#failed) thread.unref(); // `close` waits for the end, and the process must not end before
      this.#over?.();
    });
    thread.on("error", ended);
    thread.on("exit", ended);
    return thread;
  }
}

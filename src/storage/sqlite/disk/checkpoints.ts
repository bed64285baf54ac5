// Checkpoints on a thread of their own. SQLite would fold a full log into the database inside of a COMMIT, which holds up
// the whole program for as long as the disk takes. Its own automatic checkpoint stays behind this one, for a log that grows
// faster, and for where the thread cannot run.
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { loadedAddon } from "../engine/native.ts";
import type { Sqlite } from "../engine/connection.ts";

/** Number of commits between two looks at the log. */
const LOOK_EVERY = 8;
/** Part of SQLite's own threshold at which a checkpoint begins. */
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
  readonly #threshold;
  #thread: Worker | undefined;
  #failed = false;
  #commits = 0;
  #running = false;
  #held: Promise<void> | undefined;
  #over: (() => void) | undefined;

  constructor(sqlite: Sqlite) {
    this.#sqlite = sqlite;
    this.#reach = sqlite.prepare<[], Reach>("PRAGMA wal_checkpoint(NOOP)");
    this.#threshold = sqlite.prepare<[], number>("PRAGMA wal_autocheckpoint").pluck();
  }

  /** Called after each commit. */
  committed(): void {
    this.#commits += 1;
    if (this.#commits % LOOK_EVERY !== 0 || this.#running || this.#failed) return;
    if (this.#left >= (this.#threshold.get() as number) * BEGIN_AT) void this.#run();
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

  async #run(): Promise<void> {
    this.#running = true;
    try {
      await this.#checkpoint();
      if (this.#left === 0) return;
      this.#held = this.#checkpoint(); // short: only what was committed meanwhile
      await this.#held;
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
        this.#thread ??= this.#start();
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
    };
    thread.on("message", () => {
      thread.unref();
      this.#over?.();
    });
    thread.on("error", ended);
    thread.on("exit", ended);
    return thread;
  }
}

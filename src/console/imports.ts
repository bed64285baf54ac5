// The files that browsers bring in: each is checked and rehearsed first, and imported when its owner says so. A principal
// has one at a time. Pages do not wait: they look at the job.
import type { Principal } from "../auth/principal.ts";
import { AppError, toAppError } from "../lib/errors.ts";
import { why } from "../telemetry/failures.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Format } from "../transfer/formats/format.ts";
import type { Source } from "../transfer/formats/source.ts";
import type { Imported } from "../transfer/import.ts";
import type { Transfer } from "../transfer/transfer.ts";
import type { Upload } from "./upload.ts";

/** What nobody has looked after by then is forgotten, with its file. */
const KEEP_MS = 30 * 60_000;

export type ImportStage =
  | { stage: "checking"; done: number; total: number }
  | { stage: "rehearsed"; source: Source; results: readonly Imported[] }
  | { stage: "running"; done: number; total: number }
  | { stage: "done"; source: Source; results: readonly Imported[] }
  | { stage: "failed"; fault: string };

export interface ImportParts {
  transfer: Transfer;
  log: Logger;
  /** Most bytes that a packed file may hold. */
  maxUnpackedBytes: number;
}

export class ImportJob {
  /** Name of the file, of any text. */
  readonly name: string;
  state: ImportStage = { stage: "checking", done: 0, total: 0 };
  readonly #upload: Upload;
  readonly #principal: Pick<Principal, "id">;
  readonly #parts: ImportParts;
  readonly #abort = new AbortController();
  readonly #onExpired: () => void;
  #expiry: NodeJS.Timeout | undefined;
  #source: Source | undefined;
  #work: Promise<void>;

  constructor(
    parts: ImportParts,
    principal: Pick<Principal, "id">,
    upload: Upload,
    onExpired: () => void,
  ) {
    this.name = upload.name;
    this.#upload = upload;
    this.#principal = principal;
    this.#parts = parts;
    this.#onExpired = onExpired;
    this.#work = this.#safely(() => this.#rehearse(upload.fields.get("format") as Format));
  }

  get isBusy(): boolean {
    return this.state.stage === "checking" || this.state.stage === "running";
  }

  /** The stage and how far it is. */
  get progress(): object {
    const { state } = this;
    return { stage: state.stage, ...("done" in state && { done: state.done }) };
  }

  /** Import what was rehearsed. Without effect at any other stage. */
  start(): void {
    const { state } = this;
    if (state.stage !== "rehearsed") return;
    clearTimeout(this.#expiry);
    this.#work = this.#safely(() => this.#import(state.source));
  }

  /** Stop, and remove the file. Conversations that are in stay. */
  async end(): Promise<void> {
    this.#abort.abort();
    await this.#work;
    clearTimeout(this.#expiry);
    if (this.state.stage === "rehearsed")
      this.state = { stage: "failed", fault: "The file was not imported, and is removed." };
    await this.#removeFiles();
  }

  async #rehearse(format: Format): Promise<void> {
    const { signal } = this.#abort;
    const source = await this.#parts.transfer.open([this.#upload.path], {
      ...{ format, owner: this.#principal.id, signal },
      maxUnpackedBytes: this.#parts.maxUnpackedBytes,
      onBytes: (done, total) => {
        signal.throwIfAborted();
        this.state = { stage: "checking", done, total };
      },
    });
    this.#source = source;
    const results = await this.#bring(source, true, () => undefined);
    this.state = { stage: "rehearsed", source, results };
  }

  async #import(source: Source): Promise<void> {
    const total = source.sessions.reduce((sum, { counts }) => sum + counts.messages, 0);
    const running = { stage: "running" as const, done: 0, total };
    this.state = running;
    const results = await this.#bring(source, false, (count) => (running.done += count));
    this.state = { stage: "done", source: { ...source, sessions: [] }, results };
    await this.#removeFiles();
  }

  async #removeFiles(): Promise<void> {
    await Promise.all([this.#upload.remove(), this.#source?.[Symbol.asyncDispose]()]);
  }

  #bring(
    { sessions }: Source,
    dryRun: boolean,
    onMessages: (count: number) => void,
  ): Promise<Imported[]> {
    return Array.fromAsync(
      this.#parts.transfer.import(sessions, {
        ownerOf: () => this.#principal.id,
        dryRun,
        by: this.#principal,
        onMessages: (count) => {
          this.#abort.signal.throwIfAborted();
          onMessages(count);
        },
      }),
    );
  }

  async #safely(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const known = toAppError(error);
      const { aborted } = this.#abort.signal;
      if (known.code === "internal" && !aborted) this.#parts.log.error(why(known), known.message);
      const fault = aborted
        ? "Stopped. What is in stays; importing the file again does the rest."
        : known.advice;
      this.state = { stage: "failed", fault };
      await this.#removeFiles();
    }
    this.#expiry = setTimeout(this.#onExpired, KEEP_MS).unref();
  }
}

export class Imports {
  readonly #jobs = new Map<string, ImportJob>();
  readonly #parts: ImportParts;
  /** Principals whose file is coming. */
  readonly #receiving = new Set<string>();
  #isClosed = false;

  constructor(parts: ImportParts) {
    this.#parts = parts;
  }

  /** Note that a file comes, until the returned function is called. @throws AppError `busy` if one comes already */
  receive({ id }: Pick<Principal, "id">): () => void {
    if (this.#receiving.has(id))
      throw new AppError("busy", "Another file of yours is being received: wait for it.");
    this.#receiving.add(id);
    return () => void this.#receiving.delete(id);
  }

  of({ id }: Pick<Principal, "id">): ImportJob | undefined {
    return this.#jobs.get(id);
  }

  /** Check and rehearse a file, in place of the principal's last one. */
  async add(principal: Pick<Principal, "id">, upload: Upload): Promise<void> {
    if (this.#isClosed) {
      await upload.remove();
      throw new AppError("unavailable", "The server is stopping. Try again in a moment.");
    }
    const before = this.#jobs.get(principal.id);
    const job: ImportJob = new ImportJob(this.#parts, principal, upload, () => {
      if (this.#jobs.get(principal.id) === job) this.#jobs.delete(principal.id);
      void job.end();
    });
    this.#jobs.set(principal.id, job);
    await before?.end();
  }

  async forget({ id }: Pick<Principal, "id">): Promise<void> {
    const job = this.#jobs.get(id);
    this.#jobs.delete(id);
    await job?.end();
  }

  /** Stop all; their files go. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#jobs.keys()].map((id) => this.forget({ id })));
  }
}

// The runs of imports as tasks: rehearse the file, ask its owner, import it. A run after a restart goes on behind the sessions
// that are in. Not here: the beginning of a task, and the end of its file (file-imports.ts).
import type { CallToolResult } from "@modelcontextprotocol/server";
import type { CredentialsLife } from "../clients/client-access.ts";
import type { Clock } from "../lib/clock.ts";
import { AppError, isAway } from "../lib/errors.ts";
import { counted } from "../lib/text/plural.ts";
import { shortened } from "../lib/text/text.ts";
import { rpcErrorOf } from "../protocol/errors.ts";
import type { TaskRun } from "../tasks/run.ts";
import type { TaskTools } from "../tasks/runner.ts";
import { type ClaimedTask, failedWith, type TaskEnd } from "../tasks/store.ts";
import { checkRights } from "../tools/tasks/execute.ts";
import type { Format } from "../transfer/formats/format.ts";
import type { Source } from "../transfer/formats/source.ts";
import { type Imported, inOrder } from "../transfer/import.ts";
import { added, emptyTally, type Tally } from "../transfer/summary.ts";
import type { Transfer } from "../transfer/transfer.ts";
import { brings, NAMED, type Report, reportOf } from "./report.ts";
import { IMPORT, type Uploads } from "./uploads.ts";

/** Name of the question whether to import. */
export const QUESTION = "import";
/** Key of the report in the question's `_meta`. */
export const REPORT_META = "holdfast/import";
/** Between two checkpoints, in milliseconds. */
const CHECKPOINT_MS = 500;

export interface FileArguments {
  /** Name of the file, of any text. */
  file: string;
  format: Format;
}

export interface ImportRunsOptions {
  /** All other tasks. */
  tools: TaskTools;
  uploads: Uploads;
  transfer: Transfer;
  life: CredentialsLife;
  clock: Clock;
  /** Most bytes that a packed file may hold. */
  maxUnpackedBytes: number;
  /** Time in which the owner has to say whether, in milliseconds. */
  answerMs(): number;
}

/** The checkpoint of an import. */
interface Saved {
  /** Number of sessions that are done, in their order. */
  done: number;
  tally: Tally;
  last: readonly Imported[];
}

export const isImport = (tool: string): boolean => tool.startsWith(IMPORT);

export class ImportRuns implements TaskTools {
  /** Tools of imports whose node has gone. They fail here: nobody else has their files. */
  orphans: ReadonlySet<string> = new Set();
  readonly #parts: ImportRunsOptions;

  constructor(parts: ImportRunsOptions) {
    this.#parts = parts;
  }

  get taskTools(): readonly string[] {
    const { tools, uploads } = this.#parts;
    const own = uploads.tool === undefined ? [] : [uploads.tool];
    return [...tools.taskTools, ...own, ...this.orphans];
  }

  isIdempotent(tool: string): boolean {
    return isImport(tool) || this.#parts.tools.isIdempotent(tool);
  }

  async execute(task: ClaimedTask, run: TaskRun): Promise<TaskEnd> {
    if (!isImport(task.tool)) return this.#parts.tools.execute(task, run);
    try {
      await checkRights(task, "write", this.#parts.life);
      return await run.within(() => this.#perform(task, run));
    } catch (error) {
      const isKnown = error instanceof AppError && error.code !== "internal";
      if (!isKnown || isAway(error) || run.signal.aborted) throw error;
      return failedWith({ ...rpcErrorOf(error), message: error.advice });
    }
  }

  async #perform(task: ClaimedTask, run: TaskRun): Promise<TaskEnd> {
    const { uploads, answerMs } = this.#parts;
    const { file } = task.arguments as FileArguments;
    if (!(await uploads.has(run.id))) throw fileGone();
    await uploads.remove(run.id, { kept: true }); // what a dead run has left
    const rehearsal = await run.step("rehearsal", () =>
      run.stored(() => this.#rehearse(task, run)),
    );
    if (!brings(rehearsal)) return completed(rehearsal);
    const options = { timeoutMs: answerMs() };
    const answer = await run.ask(QUESTION, questionOf(file, rehearsal), options);
    if (answer?.action !== "accept") return completed({ ...rehearsal, summary: NOT_IMPORTED });
    return completed(await run.stored(() => this.#import(task, run, rehearsal)));
  }

  #open({ arguments: args, owner }: ClaimedTask, run: TaskRun): Promise<Source> {
    const { uploads, transfer, maxUnpackedBytes } = this.#parts;
    const { file, format } = args as FileArguments;
    return transfer.open([uploads.pathOf(run.id)], {
      ...{ format, owner, maxUnpackedBytes, signal: run.signal },
      spoolPrefix: uploads.spoolPrefixOf(run.id),
      onBytes: (done, total) => {
        run.signal.throwIfAborted();
        tell(run, { done, total, text: `Checking ${file}` });
      },
    });
  }

  async #rehearse(task: ClaimedTask, run: TaskRun): Promise<Report> {
    await using source = await this.#open(task, run);
    let seen: Saved = { done: 0, tally: emptyTally(), last: [] };
    const onMessages = (): void => run.signal.throwIfAborted();
    const options = { ownerOf: () => task.owner, dryRun: true, onMessages };
    for await (const one of this.#parts.transfer.import(source.sessions, options))
      seen = withOne(seen, one);
    return reportOf(source, { ...seen, isDone: false });
  }

  async #import(task: ClaimedTask, run: TaskRun, rehearsal: Report): Promise<Report> {
    const { clock, life, transfer } = this.#parts;
    const { owner } = task;
    const { file } = task.arguments as FileArguments;
    await using source = await this.#open(task, run);
    const before = run.saved as Saved | undefined;
    let saved: Saved = before ?? { done: 0, tally: emptyTally(), last: [] };
    if (before === undefined) await run.checkpoint(saved);
    const sessions = inOrder(source.sessions);
    let done = messagesOf(sessions.slice(0, saved.done));
    const total = messagesOf(sessions);
    const options = {
      ...{ ownerOf: () => owner, by: { id: owner }, dryRun: false },
      onMessages: (count: number) => {
        run.signal.throwIfAborted();
        done += count;
        const text = `Importing ${file}: ${done} of ${counted(total, "message")}`;
        tell(run, { done, total, text });
      },
    };
    await run.status(`Importing ${file}`); // at once: reports of progress come now and then
    let savedAt = -Infinity;
    for await (const one of transfer.import(sessions.slice(saved.done), options)) {
      saved = withOne(saved, one);
      if (clock.monotonic() - savedAt < CHECKPOINT_MS) continue;
      await checkRights(task, "write", life);
      await run.checkpoint(saved);
      savedAt = clock.monotonic();
    }
    const isResumed = before !== undefined;
    const tally = isResumed ? sinceChecked(saved.tally, rehearsal.tally) : saved.tally;
    return reportOf(source, { tally, last: saved.last, isDone: true });
  }
}

const withOne = ({ done, tally, last }: Saved, one: Imported): Saved => ({
  done: done + 1,
  tally: added(tally, one),
  last: [...last, one].slice(-NAMED),
});

/**
 * What a resumed import has brought since the file was checked: the last sessions before a kill are in, and no checkpoint says by
 * whom.
 */
function sinceChecked(found: Tally, planned: Tally): Tally {
  const into = ({ imported, continued, unchanged }: Tally): number =>
    imported.sessions + continued.sessions + unchanged.sessions;
  return into(found) === into(planned) ? planned : found;
}

const messagesOf = (sessions: Source["sessions"]): number =>
  sessions.reduce((sum, { counts }) => sum + counts.messages, 0);

/** Tells readers of the task how far it is. They only see it: it may be lost. */
function tell(run: TaskRun, { done, total, text }: { done: number; total: number; text: string }) {
  run.report(done, total, text).catch(() => undefined);
}

const questionOf = (file: string, report: Report) => ({
  method: "elicitation/create" as const,
  params: {
    mode: "form" as const,
    message: `${file}: ${report.summary} Import it?`,
    requestedSchema: { type: "object" as const, properties: {} },
    _meta: { [REPORT_META]: report },
  },
});

const NOT_IMPORTED = "The file was not imported, and is removed.";

function completed(report: Report): TaskEnd {
  const content: CallToolResult["content"] = [{ type: "text", text: report.summary }];
  const result = JSON.stringify({ content, structuredContent: report });
  return { status: "completed", statusMessage: shortened(report.summary, 1_000), result };
}

const fileGone = (): AppError =>
  new AppError("interrupted", "The import was interrupted: the server with its file is gone.", {
    hint: "What is in stays. Send the file again for the rest.",
  });

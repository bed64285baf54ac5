// Export and import of whole sessions. Both leave audit entries.
import { LOCAL, type Principal } from "../auth/principal.ts";
import { AppError } from "../lib/errors.ts";
import type { Session } from "../sessions/session.ts";
import { endOf, toLine } from "./formats/jsonl.ts";
import { toMarkdown } from "./formats/markdown.ts";
import type { Source, SourceOptions } from "./formats/source.ts";
import {
  type Imported,
  type ImportOptions,
  type ImportServices,
  importSessions,
} from "./import.ts";
import type { Incoming } from "./incoming.ts";
import type { TransferRecord } from "./store.ts";

export type ExportFormat = "jsonl" | "markdown";

export class Transfer {
  readonly #parts: ImportServices;

  constructor(parts: ImportServices) {
    this.#parts = parts;
  }

  /** The session's records at one moment; empty when the session is gone. */
  read(id: string): AsyncIterable<TransferRecord> {
    return this.#parts.store.snapshot(id);
  }

  /** The session as text, in chunks of any size. `onMessage` is called for each message. */
  async *export(
    { id }: Pick<Session, "id">,
    format: ExportFormat,
    {
      by = LOCAL,
      onMessage = () => undefined,
    }: { by?: Pick<Principal, "id">; onMessage?: () => void } = {},
  ): AsyncGenerator<string> {
    await this.#parts.audit.note(by, "session exported", id, format).catch((error: unknown) => {
      // Export even when the disk is full: an operator exports conversations before deleting them.
      if (!(error instanceof AppError) || error.code !== "storage_full") throw error;
    });
    const pieces = watched(this.read(id), onMessage);
    yield* format === "jsonl" ? toLines(pieces) : toMarkdown(pieces);
  }

  /** Checks whole files. Dispose of the source when it is imported. @throws AppError `invalid` with a line for each fault */
  async open(
    paths: readonly string[],
    options: Omit<SourceOptions, "limits" | "now">,
  ): Promise<Source> {
    const { limits, now } = this.#parts;
    const { readSource } = await import("./formats/source.ts");
    return readSource(paths, { ...options, limits, now: now() });
  }

  /** Yields the outcome of each session. @throws AppError `limit` */
  import(sessions: readonly Incoming[], options: ImportOptions): AsyncGenerator<Imported> {
    return importSessions(this.#parts, sessions, options);
  }
}

async function* toLines(pieces: AsyncIterable<TransferRecord>): AsyncGenerator<string> {
  const counts = { stateKeys: 0, messages: 0 };
  let any = false;
  for await (const piece of pieces) {
    any = true;
    if (piece.type === "state") counts.stateKeys += 1;
    if (piece.type === "message") counts.messages += 1;
    yield `${toLine(piece)}\n`;
  }
  if (any) yield `${endOf(counts)}\n`;
}

async function* watched(
  pieces: AsyncIterable<TransferRecord>,
  onMessage: () => void,
): AsyncGenerator<TransferRecord> {
  for await (const piece of pieces) {
    if (piece.type === "message") onMessage();
    yield piece;
  }
}

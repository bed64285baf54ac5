// `holdfast sessions export`: writes whole sessions as JSON Lines or Markdown.
import type { Data } from "../../app/data.ts";
import type { Settings } from "../../config/config.ts";
import { AppError } from "../../lib/errors.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import { counted } from "../../lib/text/plural.ts";
import type { Session } from "../../sessions/session.ts";
import type { ExportFormat } from "../../transfer/transfer.ts";
import { type Progress, showProgress } from "../terminal/progress.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { withData } from "../with-data.ts";
import { findSessions } from "./find.ts";
import { stopSignal, writeAll, writeFileWhole } from "./output.ts";

export interface ExportFlags {
  all?: boolean;
  format: ExportFormat;
  output?: string;
  /** Replace an existing file. */
  force?: boolean;
  principal: string;
}

/** Messages below which an export needs no progress bar. */
const WORTH_A_BAR = 5_000;

export function exportSessions(
  settings: Settings,
  refs: readonly string[],
  flags: ExportFlags,
  terminal: Terminal,
): Promise<void> {
  const { all = false, format, output, principal } = flags;
  if (all === refs.length > 0)
    throw new AppError("start", "Name the sessions to export, or say --all.", {
      hint: `"${commandLine("sessions list")}" shows their ids and names.`,
    });
  return withData(settings, async (data) => {
    const sessions = all ? await everything(data) : await findSessions(data, refs, principal);
    // Refuse an empty export: it could not be imported, and with --force would replace a good file.
    if (sessions.length === 0)
      throw new AppError("not_found", "There are no sessions: nothing was exported.");
    const counts = await Promise.all(sessions.map(({ id }) => data.sessions.counts(id)));
    const total = counts.reduce((sum, { messages }) => sum + messages, 0);
    const progress = showProgress(terminal, { what: "Exporting", total, worth: WORTH_A_BAR });
    const signal = stopSignal(terminal, "What was exported so far is not whole.");
    const texts = textsOf(data, sessions, format, progress, signal);
    try {
      if (output === undefined || output === "-") await writeAll(terminal.output, texts);
      else await writeFileWhole(output, texts, flags.force ?? false);
    } finally {
      progress.end();
    }
    if (output !== undefined && output !== "-")
      terminal.warn(`Exported ${counted(sessions.length, "session")}.`);
  });
}

/** List all sessions in an order that does not depend on their last use. */
async function everything({ operator }: Data): Promise<Session[]> {
  const found = await Array.fromAsync(operator.all());
  return found.toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
}

async function* textsOf(
  { transfer }: Data,
  sessions: readonly Session[],
  format: ExportFormat,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const onMessage = (): void => {
    signal.throwIfAborted();
    progress.add(1);
  };
  for (const session of sessions) yield* transfer.export(session, format, { onMessage });
}

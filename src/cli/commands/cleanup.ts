// `holdfast cleanup`: runs the cleanup job once, also beside a running server. Sessions that the previous run kept are
// deleted only with consent: --yes, an answer at the terminal, or a script's own --max-age. Otherwise they are
// announced, and a later cleanup deletes them.
import type { Data } from "../../app/data.ts";
import type { Settings } from "../../config/config.ts";
import { type Waiting, waitingText } from "../../jobs/cleanup.ts";
import type { Consent } from "../../jobs/cutoff.ts";
import { isoTime } from "../../lib/clock.ts";
import { counted } from "../../lib/text/plural.ts";
import { canAsk, confirm } from "../terminal/confirm.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { localTime } from "../terminal/times.ts";
import { withData } from "../with-data.ts";

export interface CleanupFlags {
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

type Counts = Readonly<Record<string, number>>;

export function cleanup(
  settings: Settings,
  flags: CleanupFlags,
  terminal: Terminal,
): Promise<void> {
  const { dryRun = false, yes = false, json = false } = flags;
  const ask = canAsk(terminal) && !json;
  const told = settings["max-age"] !== undefined && !ask;
  return withData(settings, async (data) => {
    const consent: Consent | undefined = yes ? "all" : told ? "age" : undefined;
    const preview = await data.cleanup.preview(consent);
    const agreed = !dryRun && ask && !yes && (await isWanted(data, terminal)) ? "all" : consent;
    const counts = dryRun ? preview : await data.cleanup.run(agreed);
    const { waiting } = await data.kept();
    if (json) return terminal.print(JSON.stringify(reportOf(counts, waiting, dryRun)));
    const done = textOf(counts, dryRun);
    if (done !== undefined || waiting === undefined) terminal.print(done ?? "Nothing has expired.");
    if (waiting !== undefined) terminal.print(waitingLine(waiting, dryRun));
  });
}

async function isWanted(data: Data, terminal: Terminal): Promise<boolean> {
  const { waiting, maxAgeMs } = await data.kept();
  if (waiting === undefined || maxAgeMs === Infinity) return false;
  const what = counted(waiting.sessions, "session");
  const question = `The last run kept ${what} that would go now. Delete them for good?`;
  return confirm(terminal, question, "Nothing was deleted");
}

function textOf(counts: Counts, dryRun: boolean): string | undefined {
  const list = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => counted(count, kind));
  if (list.length === 0) return undefined;
  return `${dryRun ? "Would delete" : "Deleted"} ${new Intl.ListFormat("en").format(list)}.`;
}

function waitingLine({ sessions, until }: Waiting, dryRun: boolean): string {
  const when = localTime(until ?? Date.now());
  return `${dryRun ? "Would keep for now: " : ""}${waitingText(sessions, when)} --yes deletes now.`;
}

/** Report for programs. */
const reportOf = (counts: Counts, waiting: Waiting | undefined, dryRun: boolean): object => ({
  dry_run: dryRun,
  expired: named(counts),
  waiting: {
    session: waiting?.sessions ?? 0,
    until: isoTime(waiting?.until ?? null),
  },
});

/** Counts under names for programs: `state_key`. */
const named = (counts: Counts): Record<string, number> =>
  Object.fromEntries(
    Object.entries(counts).map(([kind, count]) => [kind.replaceAll(" ", "_"), count]),
  );

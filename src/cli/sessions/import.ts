// `holdfast sessions import`: brings in sessions of another data folder, or of another program.
import type { Data } from "../../app/data.ts";
import type { Settings } from "../../config/config.ts";
import { isoTime } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import { counted } from "../../lib/text/plural.ts";
import { checkName } from "../../sessions/texts.ts";
import type { Format } from "../../transfer/formats/format.ts";
import { type Skipped, whereOf } from "../../transfer/formats/skipped.ts";
import type { Source } from "../../transfer/formats/source.ts";
import type { Imported } from "../../transfer/import.ts";
import { summaryOf, tallyOf, withOutcome } from "../../transfer/summary.ts";
import { type Progress, showProgress } from "../terminal/progress.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { oneLine } from "../terminal/text.ts";
import { localTime } from "../terminal/times.ts";
import { hasDatabase, withData } from "../with-data.ts";
import { stopSignal } from "./output.ts";
import { withFiles } from "./spool.ts";

export interface ImportFlags {
  principal: string;
  keepOwners?: boolean;
  format: Format;
  strict?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

const WORTH_A_BAR = { bytes: 20_000_000, messages: 5_000 };
/** Sessions that a report for people names. */
const NAMED = 20;

/** Each name is a file, a folder, or `-` for standard input. */
export function importFiles(
  settings: Settings,
  names: readonly string[],
  flags: ImportFlags,
  terminal: Terminal,
): Promise<void> {
  checkName(flags.principal, "principal");
  // Rehearse in memory without a database: a rehearsal creates none, and all sessions would be new there too.
  const rehearsal = flags.dryRun === true && !hasDatabase(settings);
  const signal = stopSignal(terminal, "Importing the file again does the rest.");
  return withFiles(
    names,
    () => terminal.input,
    signal,
    (files) =>
      withData(
        { ...settings, ephemeral: rehearsal },
        async (data) => {
          await using source = await read(data, files, flags, terminal, signal);
          const results = await bring(data, source, flags, terminal, signal);
          if (flags.json)
            terminal.print(
              JSON.stringify(reportOf(source, results, flags, await expiryOf(data, results))),
            );
          else report(source, results, flags, terminal);
          if (!flags.json) await tellExpiry(data, results, terminal);
          const conflicts = results.filter(({ outcome }) => outcome === "conflict");
          if (conflicts.length > 0) throw conflictOf(conflicts);
        },
        { create: true },
      ),
  );
}

async function read(
  { transfer }: Data,
  files: readonly string[],
  { format, principal, strict }: ImportFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Source> {
  let bar: Progress | undefined;
  try {
    const onBytes = (done: number, total: number): void => {
      signal.throwIfAborted();
      bar ??= showProgress(terminal, { what: "Checking", total, worth: WORTH_A_BAR.bytes });
      bar.set(done);
    };
    return await transfer.open(files, { format, owner: principal, strict, onBytes, signal });
  } finally {
    bar?.end();
  }
}

async function bring(
  { transfer }: Data,
  { sessions }: Source,
  { keepOwners, principal, dryRun = false }: ImportFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Imported[]> {
  const total = sessions.reduce((sum, { counts }) => sum + counts.messages, 0);
  const worth = WORTH_A_BAR.messages;
  const bar = showProgress(terminal, { what: "Importing", total, worth });
  const results: Imported[] = [];
  try {
    const options = {
      ownerOf: ({ header }: Source["sessions"][number]) =>
        (keepOwners ? header.owner : undefined) ?? principal,
      dryRun,
      onMessages: (count: number) => {
        signal.throwIfAborted();
        bar.add(count);
      },
    };
    for await (const result of transfer.import(sessions, options)) results.push(result);
    return results;
  } finally {
    bar.end();
  }
}

/** Print the report for people. */
function report(
  source: Source,
  results: readonly Imported[],
  flags: ImportFlags,
  terminal: Terminal,
): void {
  terminal.print(summaryOf(source, tallyOf(results), flags));
  tellSkipped(source.skipped, terminal);
  if (source.replaced > 0)
    terminal.warn(
      `Replaced ${counted(source.replaced, "character")} that cannot be stored by U+FFFD.`,
    );
  const nameless = results.filter(({ lostName }) => lostName !== undefined);
  for (const { id, lostName } of nameless.slice(0, NAMED))
    terminal.warn(`${id} comes without its name ${JSON.stringify(lostName)}: it is taken.`);
  if (nameless.length > NAMED) terminal.warn(`… and ${nameless.length - NAMED} more.`);
  tellBranches(results, terminal);
  const others = othersIn(source, flags);
  if (others.length > 0)
    terminal.warn(
      `They are ${oneLine(flags.principal)}'s now; the file names other owners ` +
        `(${others.slice(0, 3).map(oneLine).join(", ")}${others.length > 3 ? " …" : ""}), which --keep-owners keeps.`,
    );
}

/** Name the sessions that came beside others. */
function tellBranches(results: readonly Imported[], terminal: Terminal): void {
  const branches = withOutcome(results, "imported").filter(
    ({ branchOf }) => branchOf !== undefined,
  );
  for (const { id, branchOf, label } of branches.slice(0, NAMED))
    terminal.print(
      `${id} is ${JSON.stringify(oneLine(label ?? ""))}: the conversation of ${branchOf} went on differently.`,
    );
  if (branches.length > NAMED) terminal.print(`… and ${branches.length - NAMED} more.`);
}

function tellSkipped(skipped: readonly Skipped[], { warn }: Terminal): void {
  // What is lost comes before what is there twice.
  const inOrder = skipped.toSorted((a, b) => Number(a.isRepeated ?? 0) - Number(b.isRepeated ?? 0));
  for (const one of inOrder.slice(0, NAMED)) {
    const title = oneLine(one.title ?? one.id ?? "without a title");
    const where = one.conversation === null ? whereOf(one) : `${whereOf(one)} (${title})`;
    warn(`Skipped ${oneLine(where)}: ${oneLine(one.reason).replace(/\.?$/, ".")}`);
  }
  if (skipped.length > NAMED) warn(`… and ${skipped.length - NAMED} more, which --json tells all.`);
}

/** Time at which the first imported session goes, counted from now, because an import is a use. Null for never. */
async function expiryOf(
  { operator, sessions }: Data,
  results: readonly Imported[],
): Promise<number | null> {
  const times: number[] = [];
  for (const { id, owner } of [
    ...withOutcome(results, "imported"),
    ...withOutcome(results, "continued"),
  ]) {
    const session = await operator.find(id, owner);
    const expiresAt = session === undefined ? null : sessions.expiresAt(session);
    if (expiresAt !== null) times.push(expiresAt);
  }
  return times.length === 0 ? null : Math.min(...times);
}

async function tellExpiry(
  data: Data,
  results: readonly Imported[],
  terminal: Terminal,
): Promise<void> {
  const expiresAt = await expiryOf(data, results);
  if (expiresAt !== null)
    terminal.print(
      `Unused sessions are deleted from ${localTime(expiresAt)} on (max-age); pinned ones stay.`,
    );
}

function othersIn({ sessions }: Source, { keepOwners, principal }: ImportFlags): string[] {
  if (keepOwners) return [];
  const owners = new Set(sessions.map(({ header }) => header.owner));
  return [...owners].filter((owner) => owner !== undefined && owner !== principal) as string[];
}

/** Report for programs. */
const reportOf = (
  source: Source,
  results: readonly Imported[],
  { dryRun }: ImportFlags,
  expiresAt: number | null,
): object => {
  const { imported, continued, unchanged, behind, conflict } = tallyOf(results);
  return {
    dry_run: dryRun ?? false,
    messages: results.reduce((sum, { messages }) => sum + messages, 0),
    expires_at: isoTime(expiresAt),
    ...{ imported: imported.sessions, continued: continued.sessions },
    ...{ unchanged: unchanged.sessions, behind: behind.sessions },
    ...{ conflicts: conflict.sessions, empty: source.empty },
    skipped: source.skipped,
    replaced_characters: source.replaced,
    sessions: results.map(({ id, owner, outcome, messages, lostName, branchOf }) => ({
      ...{ id, owner, outcome, messages, lost_name: lostName ?? null, branch_of: branchOf ?? null },
    })),
  };
};

function conflictOf(conflicts: readonly Imported[]): AppError {
  const shown = conflicts
    .slice(0, NAMED)
    .map(({ id, label }) => `  ${id}${label === null ? "" : `  ${oneLine(label)}`}`);
  const more = conflicts.length - shown.length;
  return new AppError(
    "conflict",
    [
      `${counted(conflicts.length, "session")} not imported, because another with that id is here, or it went on differently:`,
      ...shown,
      ...(more > 0 ? [`  … and ${more} more`] : []),
    ].join("\n"),
  );
}

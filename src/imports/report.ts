// What an import has found or brought, for pages: kept with its task, so of bounded size.
import { shortened } from "../lib/text/text.ts";
import { whereOf } from "../transfer/formats/skipped.ts";
import type { Source } from "../transfer/formats/source.ts";
import type { Imported } from "../transfer/import.ts";
import { summaryOf, type Tally } from "../transfer/summary.ts";

/** Conversations, and faults, that a report names. */
export const NAMED = 50;
const MAX_LINE_BYTES = 500;

export interface Report {
  /** False for a rehearsal. */
  isDone: boolean;
  summary: string;
  tally: Tally;
  /** The last ones. */
  results: readonly Imported[];
  /** Number of all. */
  sessions: number;
  /** The first lines about parts that cannot be taken in. */
  skipped: readonly string[];
  /** Number of all such lines. */
  skips: number;
  /** Number of replaced characters. */
  replaced: number;
}

export function reportOf(
  source: Pick<Source, "skipped" | "empty" | "replaced">,
  { tally, last, isDone }: { tally: Tally; last: readonly Imported[]; isDone: boolean },
): Report {
  const lines = source.skipped
    .slice(0, NAMED)
    .map(
      (one) =>
        `${whereOf(one)}${one.conversation === null ? "" : ` (${one.title ?? one.id ?? "without a title"})`}: ${one.reason}`,
    );
  return {
    isDone,
    summary: summaryOf(source, tally, { dryRun: !isDone }),
    tally,
    results: last,
    sessions: Object.values(tally).reduce((sum, { sessions }) => sum + sessions, 0),
    skipped: lines.map((line) => shortened(line, MAX_LINE_BYTES)),
    skips: source.skipped.length,
    replaced: source.replaced,
  };
}

/** True if an import would bring in something. */
export const brings = ({ tally: { imported, continued } }: Report): boolean =>
  imported.sessions + continued.sessions > 0;

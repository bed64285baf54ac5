// What an import has brought, or would bring, in one sentence.
import { counted } from "../lib/text/plural.ts";
import type { Source } from "./formats/source.ts";
import type { Imported, ImportOptions, Outcome } from "./import.ts";

export const withOutcome = (results: readonly Imported[], outcome: Outcome): Imported[] =>
  results.filter((result) => result.outcome === outcome);

/** Numbers of sessions, and of the messages that came in with them, by outcome. */
export type Tally = Readonly<Record<Outcome, { sessions: number; messages: number }>>;

const NOTHING = { sessions: 0, messages: 0 };

export const emptyTally = (): Tally => ({
  imported: NOTHING,
  continued: NOTHING,
  unchanged: NOTHING,
  behind: NOTHING,
  conflict: NOTHING,
});

export function added(
  tally: Tally,
  { outcome, messages }: Pick<Imported, "outcome" | "messages">,
): Tally {
  const before = tally[outcome];
  const after = { sessions: before.sessions + 1, messages: before.messages + messages };
  return { ...tally, [outcome]: after };
}

export const tallyOf = (results: readonly Imported[]): Tally => results.reduce(added, emptyTally());

export function summaryOf(
  { skipped, empty }: Pick<Source, "skipped" | "empty">,
  { imported, continued, unchanged, behind }: Tally,
  { dryRun = false }: Partial<Pick<ImportOptions, "dryRun">>,
): string {
  const messages = skipped.filter(({ message }) => message !== null).length;
  const repeated = skipped.filter(({ isRepeated }) => isRepeated).length;
  const unread = skipped.length - messages - repeated;
  const left = behind.sessions + empty + repeated + unread;
  const why = [
    ...(behind.sessions > 0 ? [`${behind.sessions} grown here since`] : []),
    ...(empty > 0 ? [`${empty} with nothing in ${empty === 1 ? "it" : "them"}`] : []),
    ...(repeated > 0 ? [`${repeated} in the files twice`] : []),
    ...(unread > 0 ? [`${unread} that cannot be taken in`] : []),
  ];
  const parts = [
    `${dryRun ? "Would import" : "Imported"} ${counted(imported.sessions, "session")} (${counted(imported.messages, "message")})`,
    ...(continued.sessions > 0
      ? [`${continued.sessions} continued (${counted(continued.messages, "message")})`]
      : []),
    ...(unchanged.sessions > 0 ? [`${unchanged.sessions} unchanged`] : []),
    ...(left > 0 ? [`${left} skipped: ${why.join(", ")}`] : []),
    ...(messages > 0 ? [`${counted(messages, "single message")} skipped`] : []),
  ];
  return `${parts.join(", ")}.`;
}

// What an import has brought, or would bring, in one sentence.
import { counted } from "../lib/text/plural.ts";
import type { Source } from "./formats/source.ts";
import type { Imported, ImportOptions, Outcome } from "./import.ts";

export const of = (results: readonly Imported[], outcome: Outcome): Imported[] =>
  results.filter((result) => result.outcome === outcome);

export const messagesIn = (results: readonly Imported[]): number =>
  results.reduce((sum, { messages }) => sum + messages, 0);

export function summaryOf(
  { skipped, empty }: Pick<Source, "skipped" | "empty">,
  results: readonly Imported[],
  { dryRun = false }: Partial<Pick<ImportOptions, "dryRun">>,
): string {
  const [fresh, continued] = [of(results, "imported"), of(results, "continued")];
  const [unchanged, behind] = [of(results, "unchanged"), of(results, "behind")];
  const messages = skipped.filter(({ message }) => message !== null).length;
  const repeated = skipped.filter(({ isRepeated }) => isRepeated).length;
  const unread = skipped.length - messages - repeated;
  const left = behind.length + empty + repeated + unread;
  const why = [
    ...(behind.length > 0 ? [`${behind.length} grown here since`] : []),
    ...(empty > 0 ? [`${empty} with nothing in ${empty === 1 ? "it" : "them"}`] : []),
    ...(repeated > 0 ? [`${repeated} in the files twice`] : []),
    ...(unread > 0 ? [`${unread} that cannot be taken in`] : []),
  ];
  const parts = [
    `${dryRun ? "Would import" : "Imported"} ${counted(fresh.length, "session")} (${counted(messagesIn(fresh), "message")})`,
    ...(continued.length > 0
      ? [`${continued.length} continued (${counted(messagesIn(continued), "message")})`]
      : []),
    ...(unchanged.length > 0 ? [`${unchanged.length} unchanged`] : []),
    ...(left > 0 ? [`${left} skipped: ${why.join(", ")}`] : []),
    ...(messages > 0 ? [`${counted(messages, "single message")} skipped`] : []),
  ];
  return `${parts.join(", ")}.`;
}

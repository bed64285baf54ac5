// The finding about the last backup, for the doctor and the console.
import { isoTime } from "../lib/clock.ts";
import { commandLine } from "../lib/text/command-line.ts";
import { type Finding, ok, warn } from "./finding.ts";

/** Time after which a backup is old. */
const OLD_BACKUP_MS = 7 * 86_400_000;

/** `last`: time of the last backup and the place that it is in, as far as one is known. */
export function backupFinding(
  last: { at: number; place: string } | undefined,
  now: number,
): Finding {
  const check = "backup";
  if (last === undefined)
    return ok(
      check,
      `None by \`${commandLine("backup")}\` is known; copies by other tools are not looked for.`,
    );
  const says = `The last one is of ${isoTime(last.at)}, in ${last.place}; it was not opened.`;
  return now - last.at > OLD_BACKUP_MS
    ? warn(
        check,
        says,
        `Make one (\`${commandLine("backup FOLDER --keep 14")}\`), and let cron do it.`,
      )
    : ok(check, says);
}

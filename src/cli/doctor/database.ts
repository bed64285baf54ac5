// The doctor's checks of the database.
import { backupFinding } from "../../health/backup.ts";
import { fail, type Finding, ok, warn } from "../../health/finding.ts";
import { CLOCK_SET } from "../../lib/clock.ts";
import { sizeText } from "../../lib/files/room.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import { counted } from "../../lib/text/plural.ts";
import { indexMessages, type Inspection } from "../../storage/admin.ts";
import { localTime } from "../terminal/times.ts";

/** Tolerance, because clocks of several machines differ a little. */
const CLOCK_SLACK_MS = 60_000;

const restore = (): string =>
  `Stop the server and restore a backup (${commandLine("restore FILE --force")}).`;

export function checkDatabase(
  found: Inspection | { damage: string[] },
  file: string,
  now: number,
): Finding[] {
  if (!("contents" in found)) {
    const [first, ...more] = found.damage;
    const rest = more.length > 0 ? ` (and ${more.length} more)` : "";
    return [fail("integrity", `The database is damaged: ${first}${rest}.`, restore())];
  }
  return [
    ok("integrity", "The file is sound."),
    checkSchema(found),
    checkReferences(found),
    checkSearch(found, file),
    checkJournal(found),
    checkProcesses(found),
    checkAbandoned(found),
    checkClock(found, now),
    checkSpace(found),
    backupFinding(found.backup && { at: found.backup.at, place: found.backup.file }, now),
  ];
}

function checkSchema({ migrations: { applied, known }, contents }: Inspection): Finding {
  const { sessions, messages } = contents;
  const holds = `${counted(sessions, "session")}, ${counted(messages, "message")}`;
  const missing = known - applied;
  return missing > 0
    ? warn(
        "schema",
        `${holds}; ${counted(missing, "migration")} of ${known} still to come.`,
        "The next start applies them, after it has made a copy.",
      )
    : ok("schema", `${holds}; all ${known} migrations are applied.`);
}

const checkReferences = ({ brokenReferences: count }: Inspection): Finding =>
  count === 0
    ? ok("references", "Every row belongs to something that is there.")
    : fail(
        "references",
        `${counted(count, "row")} ${count === 1 ? "points" : "point"} to what is not there.`,
        restore(),
      );

function checkSearch({ unindexed }: Inspection, file: string): Finding {
  if (unindexed === 0) return ok("search", "The full-text index knows every message.");
  return {
    ...warn(
      "search",
      `Search does not find ${counted(unindexed, "message")} that another program has written.`,
      "--fix puts them into the index.",
    ),
    fix: () => `${counted(indexMessages(file), "message")} put into the index.`,
  };
}

function checkJournal({ journalMode }: Inspection): Finding {
  // Accept `delete`: a database that was just restored has no log until the first start.
  return ["wal", "delete"].includes(journalMode)
    ? ok("journal", `The journal mode is ${journalMode}.`)
    : warn("journal", `The journal mode is ${journalMode}.`, "The next start sets it to wal.");
}

function checkProcesses({ living }: Inspection): Finding {
  if (living.length === 0) return ok("running", "No Holdfast uses the data folder now.");
  const list = living.map(({ pid, startedAt }) => `process ${pid} since ${localTime(startedAt)}`);
  return ok("running", `In use by ${list.join(", ")}.`);
}

function checkAbandoned({ abandoned, dead, living }: Inspection): Finding {
  if (abandoned === 0 && dead.length === 0)
    return ok("recovery", "No process has left anything open.");
  const says = `${counted(dead.length, "process", "processes")} ended without a word; ${counted(abandoned, "call")} left open.`;
  const soon = "The running server ends them within 20 seconds.";
  return warn("recovery", says, living.length > 0 ? soon : "The next start ends them.");
}

function checkClock({ latest }: Inspection, now: number): Finding {
  if (now < CLOCK_SET)
    return warn(
      "clock",
      `It is ${localTime(now)}: this machine's clock is not set.`,
      "Set it: until then nothing goes by its age, and keys and tokens do not end.",
    );
  if (latest <= now + CLOCK_SLACK_MS) return ok("clock", `It is ${localTime(now)}.`);
  return warn(
    "clock",
    `The newest row is of ${localTime(latest)}, and it is ${localTime(now)}.`,
    "Check this machine's clock: what is dated in the future expires late.",
  );
}

function checkSpace({ freeSpace: { bytes, canShrink } }: Inspection): Finding {
  const says = `${sizeText(bytes)} inside the file are free for new data.`;
  return canShrink || bytes < 64 << 20
    ? ok("space", says)
    : warn(
        "space",
        says,
        `To give them back, stop the server and run VACUUM in a SQL client once (after PRAGMA auto_vacuum = INCREMENTAL, the cleanup job does it from then on).`,
      );
}

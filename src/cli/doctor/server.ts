// The doctor's checks of a database server.
import type { Config } from "../../config/config.ts";
import { dataPlace, serverOf } from "../../config/data-place.ts";
import { accessFindings } from "../../health/access.ts";
import { fail, type Finding, ok, warn } from "../../health/finding.ts";
import { AppError } from "../../lib/errors.ts";
import { sizeText } from "../../lib/files/room.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import { counted } from "../../lib/text/plural.ts";
import { inspectServer, type ServerData, type ServerInspection } from "../../storage/admin.ts";

/** Heartbeats come every 5 seconds. */
const ALIVE_MS = 30_000;
const CLOCK_SLACK_MS = 5_000;

export async function checkServer(config: Config, now = Date.now()): Promise<Finding[]> {
  const place = dataPlace(config);
  try {
    const found = await inspectServer(serverOf(config)!, now);
    const { data } = found;
    if (data === undefined)
      return [
        ...accessFindings(config),
        ok("database", `${place}, PostgreSQL ${found.version}. A first start makes the tables.`),
        ...checkSettings(found, config),
        ...checkRights(found),
        checkListening(found),
      ];
    return [
      ...accessFindings(config, data.keys),
      ok("database", `${place}, ${sizeText(data.bytes)} (PostgreSQL ${found.version}).`),
      ...checkSettings(found, config),
      ...checkRights(found),
      checkListening(found),
      checkSchema(data),
      // Processes date their heartbeats by the server's clock.
      checkProcesses(data, now + found.clockOffsetMs),
      ok(
        "backup",
        `Not known here: pg_dump copies this database (${commandLine("backup")} says how).`,
      ),
    ];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return [fail("database", error.message, error.hint ?? "Correct database-url.")];
  }
}

function checkSettings(found: ServerInspection, config: Config): Finding[] {
  const { isDurable, maxConnections, clockOffsetMs } = found;
  const pool = config["pool-size"];
  return [
    isDurable
      ? ok("writing", "A commit is answered when it is on disk.")
      : warn(
          "writing",
          "A power loss may lose what was answered: fsync or synchronous_commit is off.",
          "Turn both on in postgresql.conf.",
        ),
    pool * 3 > maxConnections
      ? warn(
          "connections",
          `The server allows ${maxConnections} in all, and each process here takes up to ${pool}.`,
          "Raise max_connections or the user's CONNECTION LIMIT, or lower pool-size.",
        )
      : ok("connections", `Up to ${pool} of ${maxConnections}.`),
    Math.abs(clockOffsetMs) > CLOCK_SLACK_MS
      ? warn(
          "clock",
          `The server's clock differs by ${(clockOffsetMs / 1_000).toFixed(0)} s from this machine's.`,
          "Let both follow one time server (NTP).",
        )
      : ok("clock", "The same as the server's."),
  ];
}

function checkRights({ missingRight }: ServerInspection): Finding[] {
  if (missingRight === undefined) return [];
  return [
    fail("rights", `This user may not ${missingRight}.`, "docs/postgres.md lists what it needs."),
  ];
}

function checkListening({ listening: { isHeard, error } }: ServerInspection): Finding {
  const check = "notifications";
  if (error !== undefined) return fail(check, error.message, error.hint ?? "Correct listen-url.");
  return isHeard
    ? ok(check, "Processes hear of each other's changes at once.")
    : warn(
        check,
        "One that was sent did not arrive: processes hear of each other's changes late.",
        "Set listen-url to this database's own address, without a pooler.",
      );
}

function checkSchema({ migrations: { applied, known }, sessions, messages }: ServerData): Finding {
  const holds = `${counted(sessions, "session")}, ${counted(messages, "message")}`;
  if (applied > known)
    return fail("schema", "A newer Holdfast has written this database.", "Start that version.");
  const missing = known - applied;
  return missing > 0
    ? warn(
        "schema",
        `${holds}; ${counted(missing, "migration")} of ${known} still to come.`,
        "The next start applies them: make a dump before.",
      )
    : ok("schema", `${holds}; all ${known} migrations are applied.`);
}

function checkProcesses({ instances }: ServerData, now: number): Finding {
  const living = instances.filter(({ heartbeatAt }) => now - heartbeatAt < ALIVE_MS);
  const names = living.map(({ host, pid }) => `${host.split(" ")[0]!} (${pid})`);
  const running = living.length === 0 ? "None is running" : `Running: ${names.join(", ")}`;
  const dead = instances.length - living.length;
  const left = dead > 0 ? ` ${counted(dead, "dead one")} will be taken over.` : "";
  return ok("processes", `${running}.${left}`);
}

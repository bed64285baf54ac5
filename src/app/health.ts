// What the console shows the operator about the running server: findings, figures of the last day, what is deleted next.
// Nothing here opens the database a second time: a file that is closed again would take the locks of this process along.
import { dirname } from "node:path";
import type { ApiKeys } from "../auth/api-keys.ts";
import type { Config } from "../config/config.ts";
import { dataPlace, folderOf, serverOf } from "../config/data-place.ts";
import type { Health } from "../console/health.ts";
import { checkAccess } from "../health/access.ts";
import { checkPlace } from "../health/data-folder.ts";
import { type Finding, ok, warn } from "../health/finding.ts";
import { checkModel } from "../health/model.ts";
import { isoTime } from "../lib/clock.ts";
import { freeBytes, sizeText } from "../lib/files/room.ts";
import { databaseFile } from "../storage/admin.ts";
import type { Storage } from "../storage/storage.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { kept, type StoredFigures } from "../telemetry/readings.ts";
import { Samples } from "../telemetry/samples.ts";
import { VERSION } from "../version.ts";

const DAY_MS = 86_400_000;
/** A backup that is older is old. */
const OLD_BACKUP_MS = 7 * DAY_MS;
/** Audit entries that are looked through for the last backup. */
const LOOKED_THROUGH = 500;

export interface HealthParts {
  config: Config;
  storage: Storage;
  keys: ApiKeys;
  metrics: Metrics;
  stored(): Promise<StoredFigures | undefined>;
  onError(error: unknown): void;
}

export function openHealth(parts: HealthParts): Health {
  const { config, storage, metrics } = parts;
  const folder = folderOf(config);
  const samples = new Samples(
    {
      metrics,
      databaseBytes: async () => (await parts.stored())?.databaseBytes,
      freeBytes: () => (folder === undefined ? undefined : freeBytes(folder)),
    },
    parts.onError,
  );
  return {
    findings: kept(() => findings(parts, folder)),
    alarms: () =>
      folder === undefined
        ? []
        : checkPlace(databaseFile(folder)).filter(({ status }) => status !== "ok"),
    samples: () => samples.all,
    async due() {
      const [figures, waiting] = await Promise.all([parts.stored(), storage.cutoffs.waiting()]);
      return {
        ...{ expired: figures?.expiredSessions ?? 0, sessions: figures?.sessions ?? 0 },
        ...{ maxAgeMs: storage.maxAgeMs, everyMs: config["cleanup-interval"], waiting },
      };
    },
    sample: () => samples.take(),
    start: () => samples.start(),
    close: () => samples.close(),
  };
}

async function findings(parts: HealthParts, folder: string | undefined): Promise<Finding[]> {
  const { config, keys, stored } = parts;
  const all = await keys.list();
  const valid = all.filter((key) => keys.isValid(key)).length;
  const figures = await stored();
  const size = figures === undefined ? "" : `, ${sizeText(figures.databaseBytes)}`;
  const place = dataPlace(config);
  return [
    ok("version", `Holdfast ${VERSION} on Node ${process.versions.node}.`),
    checkAccess(config, { valid, spent: all.length - valid }),
    await checkModel(config),
    figures === undefined
      ? warn("database", `${place} cannot be read now.`, "The log says why.")
      : ok("database", `${place}${size}.`),
    ...(folder === undefined ? [] : checkPlace(databaseFile(folder))),
    ...(serverOf(config) === undefined && folder !== undefined ? [await checkBackup(parts)] : []),
  ];
}

async function checkBackup({ storage }: HealthParts): Promise<Finding> {
  const check = "backup";
  const entries = await storage.audit.list(LOOKED_THROUGH);
  const last = entries.find(({ action }) => action === "backup made");
  if (last === undefined)
    return warn(
      check,
      "None by `holdfast backup` is known.",
      "Make one (holdfast backup FOLDER --keep 14), and let cron do it.",
    );
  const says = `The last one is of ${isoTime(last.at)}, in ${dirname(last.subject)}.`;
  return Date.now() - last.at > OLD_BACKUP_MS
    ? warn(check, says, "Make a new one (holdfast backup FOLDER --keep 14), and let cron do it.")
    : ok(check, says);
}

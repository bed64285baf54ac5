// What the console shows the operator about the running server: findings, figures of the last day, what is deleted next.
// Nothing here opens the database a second time: a file that is closed again would take the locks of this process along.
import { dirname } from "node:path";
import type { ApiKeys } from "../auth/api-keys.ts";
import type { Passkeys } from "../auth/passkeys.ts";
import type { Config } from "../config/config.ts";
import { dataPlace, folderOf, serverOf } from "../config/data-place.ts";
import type { Health } from "../console/health.ts";
import { accessFindings } from "../health/access.ts";
import { backupFinding } from "../health/backup.ts";
import { checkPlace } from "../health/data-folder.ts";
import { fail, type Finding, ok, warn } from "../health/finding.ts";
import { checkModel } from "../health/model.ts";
import { freeBytes, sizeText } from "../lib/files/room.ts";
import { systemReason } from "../lib/system-errors.ts";
import { databaseFile } from "../storage/admin.ts";
import type { Storage } from "../storage/storage.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { StoredFigures } from "../telemetry/readings.ts";
import { Samples } from "../telemetry/samples.ts";
import { VERSION } from "../version.ts";

/** Time for which findings are shown again without a look. */
const KEEP_MS = 15_000;

export interface HealthParts {
  config: Config;
  storage: Storage;
  keys: ApiKeys;
  passkeys: Passkeys;
  metrics: Metrics;
  stored(): Promise<StoredFigures | undefined>;
  /** Addresses and names under which others than this machine reach the server. */
  openTo(): readonly string[];
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
  const look = briefly(() => findings(parts, folder));
  return {
    // The backup is looked up each time: the page that shows the finding makes one.
    async findings() {
      const hasBackups = serverOf(config) === undefined && folder !== undefined;
      const others = await look();
      return hasBackups ? [...others, await checkBackup(parts)] : others;
    },
    alarms: () => placeOf(folder).filter(({ status }) => status !== "ok"),
    samples: () => samples.all,
    async due() {
      const [figures, waiting] = await Promise.all([parts.stored(), storage.cutoffs.waiting()]);
      return {
        ...{ expired: figures?.expiredSessions, sessions: figures?.sessions },
        ...{ maxAgeMs: storage.maxAgeMs, everyMs: config["cleanup-interval"], waiting },
      };
    },
    start: () => samples.start(),
    close: () => samples.close(),
  };
}

async function findings(parts: HealthParts, folder: string | undefined): Promise<Finding[]> {
  const { config, keys, passkeys, stored } = parts;
  const [all, { length: people }] = await Promise.all([keys.list(), passkeys.list()]);
  const valid = all.filter((key) => keys.isValid(key)).length;
  const figures = await stored();
  const size = figures === undefined ? "" : `, ${sizeText(figures.databaseBytes)}`;
  const place = dataPlace(config);
  return [
    ok("version", `Holdfast ${VERSION} on Node ${process.versions.node}.`),
    ...accessFindings(
      config,
      { valid, spent: all.length - valid, passkeys: people },
      parts.openTo(),
    ),
    await checkModel(config),
    figures === undefined
      ? warn("database", `${place} cannot be read now.`, "The log says why.")
      : ok("database", `${place}${size}.`),
    ...placeOf(folder),
  ];
}

/** Findings about the data folder, if there is one; a folder that cannot be read is one. */
function placeOf(folder: string | undefined): Finding[] {
  if (folder === undefined) return [];
  try {
    return checkPlace(databaseFile(folder));
  } catch (error) {
    const reason = systemReason(error) ?? "unknown";
    return [fail("folder", `It cannot be read: ${reason}.`, "Nothing may be stored: look at it.")];
  }
}

/** The last result for a short while; one look at a time. */
function briefly<T>(look: () => Promise<T>): () => Promise<T> {
  let last: { at: number; result: Promise<T> } | undefined;
  return () => {
    if (last === undefined || performance.now() - last.at > KEEP_MS) {
      last = { at: performance.now(), result: look() };
      last.result.catch(() => (last = undefined));
    }
    return last.result;
  };
}

async function checkBackup({ storage }: HealthParts): Promise<Finding> {
  const last = await storage.audit.last("backup made");
  return backupFinding(last && { at: last.at, place: dirname(last.subject) }, Date.now());
}

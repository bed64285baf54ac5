// Opens the configured storage engine: SQLite in a data folder, or in memory.
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { AppError } from "../lib/errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { Jump } from "../jobs/trusted-time.ts";
import { sqliteApiKeyStore } from "./sqlite/stores/api-key-store.ts";
import { sqliteAuditStore } from "./sqlite/stores/audit-store.ts";
import { Ballast, isFull } from "./sqlite/disk/ballast.ts";
import { sqliteClientStore } from "./sqlite/stores/client-store.ts";
import { openCutoffs, sqliteCutoffs } from "./sqlite/stores/cutoff-store.ts";
import {
  cannotOpen,
  MEMORY,
  openConnection,
  openExisting,
  type Sqlite,
} from "./sqlite/engine/connection.ts";
import { Engine, type Expiry } from "./sqlite/engine/engine.ts";
import { sqliteHistoryStore } from "./sqlite/history/history-store.ts";
import type { OnCommit } from "./sqlite/engine/group-commit.ts";
import { sqliteInstanceStore } from "./sqlite/stores/instance-store.ts";
import { sqliteKeyedCallStore } from "./sqlite/stores/keyed-call-store.ts";
import { OwnFiles } from "./sqlite/disk/own-files.ts";
import { LogWatch, type OnLog } from "./sqlite/disk/log-watch.ts";
import { LogSync } from "./sqlite/disk/log-sync.ts";
import { appliedVersion, isBehind, migrate } from "./sqlite/schema/migrate.ts";
import { refuseInstances } from "./sqlite/admin/claim.ts";
import { maxAgeOf, rememberMaxAge } from "./sqlite/stores/retention-row.ts";
import { Room } from "./sqlite/disk/room.ts";
import { sqliteSessionStore } from "./sqlite/sessions/session-store.ts";
import { sqliteSigningKeyStore } from "./sqlite/stores/signing-key-store.ts";
import { sqliteStatistics } from "./sqlite/stores/statistics.ts";
import { sqliteStateStore } from "./sqlite/sessions/state-store.ts";
import { sqliteStreamStore } from "./sqlite/stores/stream-store.ts";
import { sqliteSubscriptionStore } from "./sqlite/stores/subscription-store.ts";
import { sqliteTransferStore } from "./sqlite/sessions/transfer-store.ts";
import { sqliteWriteAccess } from "./sqlite/engine/write-access.ts";
import { sqliteUsage, type UsageLimits } from "./sqlite/engine/usage.ts";
import { copyBeforeUpgrade } from "./sqlite/admin/upgrade-copy.ts";
import { sqliteUpkeep } from "./sqlite/stores/upkeep.ts";
import type { Storage } from "./storage.ts";

export interface StorageOptions extends UsageLimits {
  /** Folder of holdfast.db; undefined keeps everything in memory. */
  folder: string | undefined;
  durability: "full" | "normal";
  clock: Clock;
  /** Without a maximum age: the one that the folder was last served with, or never. Clients follow it, or have 90 days. */
  expiry: Partial<Expiry>;
  /** Time for which an unused stream can still be resumed. Default 10 minutes. */
  streamGraceMs?: number;
  /** Maximum per session. Default 100,000. */
  maxMessages?: number;
  /** Maximum per owner; one more ends the client that was idle longest. Default 10,000. */
  maxClients?: number;
  /** Called before an upgrade, with the path of the copy of the old database. */
  onUpgrade?: (copy: string) => void;
  /** Called for each commit and each stream event, for metrics. */
  onCommit?: OnCommit | undefined;
  onEvent?: (() => void) | undefined;
  /** Called when the clock jumps without seen time. */
  onJump?: (jump: Jump) => void;
  /** Called once when the files are lost or replaced: nothing can be stored from then on. */
  onLost?: (error: AppError) => void;
  /** Called when the write-ahead log is large because it cannot be folded in, and when it is folded in again. */
  onLog?: OnLog;
}

/** Maximum time that the event loop blocks for another process's lock, in milliseconds. */
const BLOCKING_MS = 40;
/** Maximum time that a close waits for the deletion of large sessions. The next cleanup deletes the rest. */
const MAX_PURGE_MS = 10_000;

/** Lifetime of clients when sessions never expire. */
const CLIENT_AGE_MS = 90 * 86_400_000;

export { cannotOpen, noDatabase } from "./sqlite/engine/connection.ts";

export const databaseFile = (folder: string): string => join(folder, "holdfast.db");

/** Even to open the database takes a little room, for the index of its log. */
function openWithRoom(file: string, ballast: Ballast): Sqlite {
  try {
    return openConnection(file);
  } catch (error) {
    if (!isFull(error) || !ballast.release()) throw error;
    return openConnection(file);
  }
}

/** @throws AppError `start` with one line that says what is wrong with the file */
export function openStorage({
  folder,
  durability,
  clock,
  expiry,
  streamGraceMs = 600_000,
  maxMessages = 100_000,
  onUpgrade = () => undefined,
  maxClients = 10_000,
  onCommit,
  onEvent,
  onLost = () => undefined,
  onLog = () => undefined,
  onJump,
  ...usageLimits
}: StorageOptions): Storage {
  const file = folder === undefined ? MEMORY : databaseFile(folder);
  const ballast = file === MEMORY ? undefined : new Ballast(file);
  const sqlite = ballast === undefined ? openConnection(file) : openWithRoom(file, ballast);
  try {
    // An older program that is at work would not find its tables as it knows them.
    if (isBehind(appliedVersion(sqlite) ?? Infinity)) refuseInstances(file, sqlite);
    const copy = copyBeforeUpgrade(sqlite);
    if (copy !== undefined) onUpgrade(copy);
    migrate(sqlite);
    const log = durability === "full" && file !== MEMORY ? new LogSync(file) : undefined;
    const reader = file === MEMORY ? undefined : () => openExisting(file, { readonly: true });
    const maxAgeMs = maxAgeOf(sqlite, expiry.maxAgeMs);
    const clientAgeMs = expiry.clientAgeMs ?? (maxAgeMs === Infinity ? CLIENT_AGE_MS : maxAgeMs);
    const cutoffs = openCutoffs(sqlite, clock, { maxAgeMs, clientAgeMs }, onJump);
    const room = ballast && new Room(sqlite, ballast);
    const files = file === MEMORY ? undefined : new OwnFiles(file, onLost);
    const watch = file === MEMORY ? undefined : new LogWatch(sqlite, onLog);
    // From here on nobody waits for another process's lock but the operations that want it.
    sqlite.pragma(`busy_timeout = ${BLOCKING_MS}`);
    const engine = new Engine(sqlite, clock, cutoffs, { log, files, onCommit, room });
    const usage = sqliteUsage(engine, sqlite, usageLimits);
    const writes = sqliteWriteAccess(engine);
    const sessions = sqliteSessionStore(engine, usage, writes);
    return {
      sessions,
      clients: sqliteClientStore(engine, usage, maxClients),
      state: sqliteStateStore(engine, usage, writes),
      history: sqliteHistoryStore(engine, maxMessages, usage, writes),
      instances: sqliteInstanceStore(engine, file === MEMORY ? undefined : file),
      streams: sqliteStreamStore(engine, usage, streamGraceMs, onEvent),
      subscriptions: sqliteSubscriptionStore(engine, usage),
      keyedCalls: sqliteKeyedCallStore(engine, usage),
      signingKeys: sqliteSigningKeyStore(engine),
      apiKeys: sqliteApiKeyStore(engine),
      audit: sqliteAuditStore(engine),
      transfer: sqliteTransferStore(engine, sqlite, reader, { maxMessages, usage, writes }),
      upkeep: sqliteUpkeep(engine, sqlite, room),
      statistics: sqliteStatistics(engine, sqlite, sessions),
      maxAgeMs,
      clientAgeMs,
      cutoffs: sqliteCutoffs(engine, sqlite, cutoffs),
      rememberMaxAge: () => rememberMaxAge(engine, maxAgeMs),
      check: () => engine.write(() => void sqlite.pragma("user_version = 0")),
      async close() {
        watch?.close();
        try {
          await Promise.race([sessions.purged(), sleep(MAX_PURGE_MS, undefined, { ref: false })]);
          await engine.close();
          if (!files?.lost) room?.fold();
        } finally {
          // Do not close: SQLite would delete a log under the lost files' names, which belongs to another database.
          if (!files?.lost) sqlite.close();
        }
      },
    };
  } catch (error) {
    sqlite.close();
    throw cannotOpen(file, error);
  }
}

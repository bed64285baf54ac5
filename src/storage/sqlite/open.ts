// Opens SQLite in a data folder, or in memory, and builds its stores.
import { statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { PartsFiller } from "../search/parts-filler.ts";
import { CLIENT_AGE_MS, MAX_PURGE_MS } from "../shared/expiry.ts";
import type { Storage, StorageOptions } from "../storage.ts";
import { sqliteApiKeyStore } from "./access/api-key-store.ts";
import { sqliteAuditStore } from "./access/audit-store.ts";
import { sqliteBrowserSessionStore } from "./access/browser-session-store.ts";
import { sqliteOAuthClientStore } from "./access/oauth-client-store.ts";
import { sqliteOAuthGrantStore } from "./access/oauth-grant-store.ts";
import { sqliteOAuthRecordStore } from "./access/oauth-record-store.ts";
import { sqlitePasskeyStore } from "./access/passkey-store.ts";
import { sqliteSigningKeyStore } from "./access/signing-key-store.ts";
import { refuseInstances } from "./admin/claim.ts";
import { databaseFile } from "./admin/files.ts";
import { copyBeforeUpgrade } from "./admin/upgrade-copy.ts";
import { Ballast, isFull } from "./disk/ballast.ts";
import { Checkpoints } from "./disk/checkpoints.ts";
import { LogSync } from "./disk/log-sync.ts";
import { LogWatch } from "./disk/log-watch.ts";
import { OwnFiles } from "./disk/own-files.ts";
import { Room } from "./disk/room.ts";
import {
  cannotOpen,
  MEMORY,
  noDatabase,
  openConnection,
  openExisting,
  type Sqlite,
} from "./engine/connection.ts";
import { Engine } from "./engine/engine.ts";
import { sqliteWriteAccess } from "./engine/write-access.ts";
import { sqliteHistoryStore } from "./history/history-store.ts";
import { sqliteUsage } from "./limits/usage.ts";
import { appliedVersion, isBehind, migrate } from "./schema/migrate.ts";
import { sqliteIndexMerge } from "./search/index-merge.ts";
import { sqliteOwnerIndex } from "./search/owner-index.ts";
import { partsFill } from "./search/parts-index.ts";
import { sqliteVectors } from "./search/vector-store.ts";
import { sqliteSessionStore } from "./sessions/session-store.ts";
import { Shrink } from "./sessions/shrink.ts";
import { sqliteStateStore } from "./sessions/state-store.ts";
import { sqliteTransferStore } from "./sessions/transfer-store.ts";
import { sqliteClientStore } from "./stores/client-store.ts";
import { openCutoffs, sqliteCutoffs } from "./stores/cutoff-store.ts";
import { sqliteInstanceStore } from "./stores/instance-store.ts";
import { sqliteKeyedCallStore } from "./stores/keyed-call-store.ts";
import { maxAgeOf, rememberMaxAge } from "./stores/retention-row.ts";
import { sqliteStatistics } from "./stores/statistics.ts";
import { sqliteUpkeep } from "./stores/upkeep.ts";
import { sqliteStreamStore } from "./streams/stream-store.ts";
import { sqliteTaskStore } from "./tasks/task-store.ts";
import { outboxRows } from "./updates/outbox-rows.ts";
import { sqliteRelayStore } from "./updates/relay-store.ts";
import { subscriptionRows } from "./updates/subscription-rows.ts";
import { sqliteSubscriptionStore } from "./updates/subscription-store.ts";

/** Maximum time that the event loop blocks for another process's lock, in milliseconds. */
const BLOCKING_MS = 40;

/** @throws AppError if the database is missing, or this user may not read it */
function expectDatabase(file: string): void {
  try {
    statSync(file);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "ENOENT"
      ? noDatabase(file)
      : cannotOpen(file, error);
  }
}

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
export async function openSqlite(options: StorageOptions): Promise<Storage> {
  const { folder, create = true, durability, clock, expiry, onCommit, onJump } = options;
  const {
    onUpgrade = () => undefined,
    onLost = () => undefined,
    onLog = () => undefined,
  } = options;
  const file = folder === undefined ? MEMORY : databaseFile(folder);
  if (!create && file !== MEMORY) expectDatabase(file);
  const ballast = file === MEMORY ? undefined : new Ballast(file);
  const sqlite = ballast === undefined ? openConnection(file) : openWithRoom(file, ballast);
  try {
    // An older program that is at work would not find its tables as it knows them.
    if (isBehind(appliedVersion(sqlite) ?? Infinity)) refuseInstances(file, sqlite);
    const copy = copyBeforeUpgrade(sqlite);
    if (copy !== undefined) onUpgrade(copy);
    migrate(sqlite);
    const log = durability === "full" && file !== MEMORY ? new LogSync(file) : undefined;
    const maxAgeMs = maxAgeOf(sqlite, expiry.maxAgeMs);
    const clientAgeMs = expiry.clientAgeMs ?? (maxAgeMs === Infinity ? CLIENT_AGE_MS : maxAgeMs);
    const cutoffs = await openCutoffs(sqlite, clock, { maxAgeMs, clientAgeMs }, onJump);
    const checkpoints = file === MEMORY ? undefined : new Checkpoints(sqlite);
    const room = ballast && checkpoints && new Room(sqlite, ballast, checkpoints);
    const files = file === MEMORY ? undefined : new OwnFiles(file, onLost);
    const watch = file === MEMORY ? undefined : new LogWatch(sqlite, onLog);
    // From here on, only operations wait for another process's lock, and not the event loop.
    sqlite.pragma(`busy_timeout = ${BLOCKING_MS}`);
    const engine = new Engine(sqlite, clock, cutoffs, { log, files, checkpoints, onCommit, room });
    const parts = new PartsFiller(partsFill(engine));
    const stores = storesOf(engine, sqlite, { room, parts }, options);
    return {
      ...stores,
      maxAgeMs,
      clientAgeMs,
      cutoffs: sqliteCutoffs(engine, sqlite, cutoffs),
      rememberMaxAge: () => rememberMaxAge(engine, maxAgeMs),
      request: (_, act) => engine.request(act),
      check: () => engine.write(() => void sqlite.pragma("user_version = 0")),
      async close() {
        watch?.close();
        engine.otherProcesses.close();
        try {
          await parts.close();
          await Promise.race([
            stores.sessions.purged(),
            sleep(MAX_PURGE_MS, undefined, { ref: false }),
          ]);
          await engine.close();
          await checkpoints?.close();
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

/** The stores over an open database. */
function storesOf(
  engine: Engine,
  sqlite: Sqlite,
  { room, parts }: { room: Room | undefined; parts: PartsFiller },
  options: StorageOptions,
) {
  const { streamGraceMs = 600_000, maxMessages = 100_000, maxClients = 10_000 } = options;
  const file = sqlite.name === MEMORY ? undefined : sqlite.name;
  const reader = file === undefined ? undefined : () => openExisting(file, { readonly: true });
  const usage = sqliteUsage(engine, sqlite, options);
  const writes = sqliteWriteAccess(engine);
  const subscriptions = subscriptionRows(engine, usage);
  const outbox = outboxRows(engine, usage);
  const index = sqliteIndexMerge(engine);
  const shrink = new Shrink(engine, index);
  const owners = sqliteOwnerIndex(engine, index);
  const sessions = sqliteSessionStore(engine, { usage, writes, shrink, owners });
  return {
    sessions,
    clients: sqliteClientStore(engine, usage, shrink, subscriptions.add, maxClients),
    state: sqliteStateStore(engine, usage, writes),
    history: sqliteHistoryStore(engine, maxMessages, usage, writes, parts),
    vectors: sqliteVectors(engine),
    instances: sqliteInstanceStore(engine, file),
    streams: sqliteStreamStore(engine, usage, outbox, streamGraceMs, options.onEvent),
    changes: engine.otherProcesses,
    relay: sqliteRelayStore(engine),
    subscriptions: sqliteSubscriptionStore(engine, subscriptions, outbox),
    keyedCalls: sqliteKeyedCallStore(engine, usage),
    tasks: sqliteTaskStore(engine, usage),
    signingKeys: sqliteSigningKeyStore(engine),
    apiKeys: sqliteApiKeyStore(engine),
    browserSessions: sqliteBrowserSessionStore(engine),
    passkeys: sqlitePasskeyStore(engine),
    oauthClients: sqliteOAuthClientStore(engine),
    oauthGrants: sqliteOAuthGrantStore(engine),
    oauthRecords: sqliteOAuthRecordStore(engine),
    audit: sqliteAuditStore(engine),
    transfer: sqliteTransferStore(engine, sqlite, reader, {
      ...{ maxMessages, usage, writes, shrink },
    }),
    upkeep: sqliteUpkeep(engine, sqlite, index, room),
    statistics: sqliteStatistics(engine, sqlite, sessions),
  };
}

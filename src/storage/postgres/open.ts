// Opens the storage in a PostgreSQL database, as one of any number of processes.
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { shownUrl } from "../../config/database-url.ts";
import { AppError } from "../../lib/errors.ts";
import { newId } from "../../lib/ids.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import { PartsFiller } from "../search/parts-filler.ts";
import { CLIENT_AGE_MS, MAX_PURGE_MS } from "../shared/expiry.ts";
import type { DatabaseServer, Storage, StorageOptions } from "../storage.ts";
import { postgresApiKeyStore } from "./access/api-key-store.ts";
import { postgresAuditStore } from "./access/audit-store.ts";
import { postgresBrowserSessionStore } from "./access/browser-session-store.ts";
import { postgresOAuthClientStore } from "./access/oauth-client-store.ts";
import { postgresOAuthGrantStore } from "./access/oauth-grant-store.ts";
import { postgresOAuthRecordStore } from "./access/oauth-record-store.ts";
import { postgresPasskeyStore } from "./access/passkey-store.ts";
import { postgresSigningKeyStore } from "./access/signing-key-store.ts";
import { Engine } from "./engine/engine.ts";
import { databaseOf } from "./engine/transaction.ts";
import { postgresWriteAccess } from "./engine/write-access.ts";
import { postgresHistoryStore } from "./history/history-store.ts";
import { postgresUsage } from "./limits/usage.ts";
import { appliedVersion, migrate } from "./schema/migrate.ts";
import { partsFill } from "./search/parts-index.ts";
import { postgresVectors } from "./search/vector-store.ts";
import { Notifications, NOTIFY } from "./server/changes.ts";
import { cannotListen } from "./server/listener.ts";
import { cannotOpen, checkPooler, openListener, openPool, openProbe } from "./server/pool.ts";
import { ServerTime } from "./server/server-time.ts";
import { SilenceWatch } from "./server/silence.ts";
import { postgresSessionStore } from "./sessions/session-store.ts";
import { postgresStateStore } from "./sessions/state-store.ts";
import { postgresClientStore } from "./stores/client-store.ts";
import { openCutoffs, postgresCutoffs } from "./stores/cutoff-store.ts";
import { postgresInstanceStore } from "./stores/instance-store.ts";
import { postgresKeyedCallStore } from "./stores/keyed-call-store.ts";
import { maxAgeOf, rememberMaxAge } from "./stores/retention-row.ts";
import { postgresStatistics } from "./stores/statistics.ts";
import { postgresUpkeep } from "./stores/upkeep.ts";
import { postgresStreamStore } from "./streams/stream-store.ts";
import { postgresTaskStore } from "./tasks/task-store.ts";
import { postgresTransferStore } from "./transfer/transfer-store.ts";
import { outboxRows } from "./updates/outbox-rows.ts";
import { postgresRelayStore } from "./updates/relay-store.ts";
import { subscriptionRows } from "./updates/subscription-rows.ts";
import { postgresSubscriptionStore } from "./updates/subscription-store.ts";

/** @throws AppError `start` with one line that says what is wrong with the database */
export async function openPostgres(
  server: DatabaseServer,
  options: StorageOptions,
): Promise<Storage> {
  const pool = openPool(server);
  try {
    const client = await pool.connect();
    try {
      await checkPooler(server, client);
      if (options.create === false && (await appliedVersion(client)) === null)
        throw new AppError(
          "start",
          `${shownUrl(server.url)}: there are no conversations here yet.`,
          {
            hint: `Start the server first: ${commandLine("serve --database-url …")}`,
          },
        );
      await migrate(client);
    } finally {
      client.release();
    }
    return await storageOf(server, pool, options);
  } catch (error) {
    await pool.end();
    throw cannotOpen(server.url, error);
  }
}

const NOT_BACK =
  "No notification comes back: listen-url has to be this database's own address, without a pooler.";

/** @throws AppError `start` for an address at which nobody can listen, with `time` stopped */
async function startNotifications(
  server: DatabaseServer,
  pool: ReturnType<typeof openPool>,
  { onHearing, time }: Pick<StorageOptions, "onHearing"> & { time: ServerTime | undefined },
): Promise<Notifications> {
  const notifications = new Notifications({
    sender: newId(),
    open: () => openListener(server),
    send: (text) => pool.query({ name: "holdfast_notify", text: NOTIFY, values: [text] }),
    onHearing({ isDeaf, error }) {
      const told = error === undefined ? NOT_BACK : (cannotListen(server, error) as Error).message;
      onHearing?.(isDeaf ? { reason: told } : {});
    },
  });
  try {
    await notifications.start();
    return notifications;
  } catch (error) {
    time?.stop();
    throw cannotListen(server, error);
  }
}

async function agesOf(db: Parameters<typeof maxAgeOf>[0], expiry: StorageOptions["expiry"]) {
  const maxAgeMs = await maxAgeOf(db, expiry.maxAgeMs);
  const clientAgeMs = expiry.clientAgeMs ?? (maxAgeMs === Infinity ? CLIENT_AGE_MS : maxAgeMs);
  return { maxAgeMs, clientAgeMs };
}

async function storageOf(
  server: DatabaseServer,
  pool: ReturnType<typeof openPool>,
  options: StorageOptions,
): Promise<Storage> {
  const { clock, expiry, onCommit, onEvent, onJump, onServerTime, onHearing, ...limits } = options;
  const { streamGraceMs = 600_000, maxMessages = 100_000, maxClients = 10_000 } = options;
  const db = databaseOf(() => pool);
  const time = onServerTime && new ServerTime(pool, clock, onServerTime);
  await time?.start(); // before anything is dated
  const { maxAgeMs, clientAgeMs } = await agesOf(db, expiry);
  const cutoffs = await openCutoffs(db, clock, { maxAgeMs, clientAgeMs }, onJump);
  const notifications = await startNotifications(server, pool, { onHearing, time });
  const silence = new SilenceWatch(pool, () => openProbe(server, server.lookMs), server.lookMs);
  const engine = new Engine({
    ...{ pool, clock, cutoffs, onCommit },
    onChange: (subjects) => notifications.note(subjects),
  });
  const usage = postgresUsage(engine, limits);
  const writes = postgresWriteAccess(engine);
  const subscriptions = subscriptionRows(engine, usage);
  const outbox = outboxRows(engine, usage);
  const sessions = postgresSessionStore(engine, usage, writes);
  const clients = postgresClientStore(engine, usage, subscriptions.add, maxClients);
  const apiKeys = postgresApiKeyStore(engine);
  const parts = new PartsFiller(partsFill(engine));
  return {
    sessions,
    clients,
    state: postgresStateStore(engine, usage, writes),
    history: postgresHistoryStore(engine, maxMessages, usage, writes, parts),
    vectors: postgresVectors(engine),
    instances: postgresInstanceStore(engine, () => notifications.report()),
    streams: postgresStreamStore(engine, usage, outbox, streamGraceMs, onEvent),
    changes: notifications,
    relay: postgresRelayStore(engine),
    subscriptions: postgresSubscriptionStore(engine, subscriptions, outbox),
    keyedCalls: postgresKeyedCallStore(engine, usage),
    tasks: postgresTaskStore(engine, usage),
    signingKeys: postgresSigningKeyStore(engine),
    apiKeys,
    browserSessions: postgresBrowserSessionStore(engine),
    passkeys: postgresPasskeyStore(engine),
    oauthClients: postgresOAuthClientStore(engine),
    oauthGrants: postgresOAuthGrantStore(engine),
    oauthRecords: postgresOAuthRecordStore(engine),
    audit: postgresAuditStore(engine),
    transfer: postgresTransferStore(engine, { maxMessages, usage, writes }),
    upkeep: postgresUpkeep(engine),
    statistics: postgresStatistics(engine, sessions, () => ({
      busy: pool.totalCount - pool.idleCount,
      ...{ idle: pool.idleCount, waiting: pool.waitingCount },
      isListening: notifications.isListening,
      lagMs: notifications.lagMs,
    })),
    maxAgeMs,
    clientAgeMs,
    cutoffs: postgresCutoffs(engine, cutoffs),
    rememberMaxAge: () => rememberMaxAge(engine, maxAgeMs),
    request: ({ keyId, clientId }, act) =>
      engine.ahead.run(
        { ...apiKeys.ahead(keyId), ...(clientId !== undefined && clients.ahead(clientId)) },
        act,
      ),
    // A transaction number is given only where something can be written.
    check: () =>
      engine.write(async () => void (await engine.db.execute(sql`select pg_current_xact_id()`))),
    async close() {
      time?.stop();
      silence.stop();
      await parts.close();
      await Promise.race([sessions.purged(), sleep(MAX_PURGE_MS, undefined, { ref: false })]);
      await engine.close();
      await notifications.close();
      await pool.end();
    },
  };
}

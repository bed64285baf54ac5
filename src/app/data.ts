// Opens the storage and builds the services on stored conversations that need no server. Most commands need no more.
import { ApiKeys } from "../auth/api-keys.ts";
import { Audit } from "../auth/audit.ts";
import { BrowserSessions } from "../auth/browser-sessions.ts";
import { Passkeys } from "../auth/passkeys.ts";
import { HistorySearch } from "../chat/history-search.ts";
import type { Config } from "../config/config.ts";
import { folderOf, serverOf } from "../config/data-place.ts";
import { Cleanup, type Waiting, waitingText } from "../jobs/cleanup.ts";
import { jumpText } from "../jobs/trusted-time.ts";
import { Activity } from "../lib/activity.ts";
import { type Clock, isoTime, SharedClock, systemClock } from "../lib/clock.ts";
import { Listeners } from "../lib/listeners.ts";
import { configuredEmbeddings } from "../models/embeddings.ts";
import { VectorSearch } from "../models/meaning.ts";
import { Clients } from "../oauth/clients.ts";
import { Grants } from "../oauth/grants.ts";
import { SessionAccessControl } from "../sessions/access.ts";
import { Operator } from "../sessions/operator.ts";
import type { Session } from "../sessions/session.ts";
import { Sessions } from "../sessions/sessions.ts";
import { SESSIONS_URI, sessionUri } from "../sessions/uris.ts";
import { openStorage } from "../storage/open.ts";
import type { Storage } from "../storage/storage.ts";
import { backgroundFailures } from "../telemetry/background.ts";
import { type Logger, openLog } from "../telemetry/logger.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { Transfer } from "../transfer/transfer.ts";
import { OutboxDelivery } from "../updates/delivery.ts";
import { UpdateNotifier } from "../updates/notifier.ts";
import type { Change } from "../updates/store.ts";

type Kind =
  | "session"
  | "client"
  | "state key"
  | "stream"
  | "request key" // with its outcome
  | "task"
  | "audit entry"
  | "console session"
  | "passkey challenge"
  | "OAuth client"
  | "OAuth grant"
  | "OAuth token";

export interface Data {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  /** Counted also where the configuration asks for no /metrics. */
  readonly metrics: Metrics;
  /** Reports a failure of work in the background. */
  readonly onError: (error: unknown) => void;
  readonly storage: Storage;
  readonly audit: Audit;
  readonly access: SessionAccessControl;
  readonly sessions: Sessions;
  readonly sessionUse: Activity;
  /** Access to the sessions of all principals, for commands. */
  readonly operator: Operator;
  readonly search: HistorySearch;
  /** Export and import. */
  readonly transfer: Transfer;
  readonly keys: ApiKeys;
  /** Sign-ins of browsers. */
  readonly browserSessions: BrowserSessions;
  readonly passkeys: Passkeys;
  /** What people have granted to OAuth clients. */
  readonly grants: Grants;
  readonly oauthClients: Clients;
  readonly updates: UpdateNotifier;
  readonly delivery: OutboxDelivery;
  /** Calls `listener` soon after something was stored, here or by another process. */
  watch(listener: () => void): Disposable;
  readonly cleanup: Cleanup<Kind>;
  /** Count the sessions, and those that the next cleanup deletes. */
  kept(): Promise<Kept>;
  /** Rejects when the database's files are gone and nothing can be stored: a restart may help. */
  readonly lost: Promise<never>;
}

/** Number of sessions, and the age at which they go. */
export interface Kept {
  sessions: number;
  /** Longest time without a use; `Infinity` for never. */
  maxAgeMs: number;
  /** Number of sessions that the next cleanup deletes. */
  due: number;
  /** Expired sessions that the previous run has kept for now. */
  waiting: Waiting | undefined;
}

/**
 * Opens the data folder; `closing` closes it again. `create`: create missing data, which are otherwise an error.
 * @throws AppError `start` when the storage cannot be opened
 */
export async function openData(
  config: Config,
  closing: AsyncDisposableStack,
  { clock: own = systemClock, create = true }: { clock?: Clock | undefined; create?: boolean } = {},
): Promise<Data> {
  const clock = serverOf(config) === undefined ? own : new SharedClock(own);
  const metrics = new Metrics();
  const { log, flush } = openLog(config["log-level"], () => {
    metrics.droppedLogLines += 1;
  });
  closing.defer(flush);
  const onError = backgroundFailures(log, clock);
  const commits = new Listeners();
  const { storage, lost } = await open(config, { clock, create, log, metrics, commits });
  closing.defer(() => storage.close());

  const opened: Opened = { config, clock, storage, onError };
  const audit = new Audit(storage.audit);
  const access = new SessionAccessControl(storage.sessions);
  const sessionUse = activityOf(config, storage, clock, storage.sessions, onError);
  const sessions = new Sessions({
    store: storage.sessions,
    access,
    audit,
    activity: sessionUse,
    maxAgeMs: () => storage.maxAgeMs,
    waitsUntil: () => storage.cutoffs.waitsUntil,
    temporaryMs: config["temporary-age"],
    maxSessions: config["max-sessions"],
  });
  const delivery = new OutboxDelivery(storage.subscriptions, storage.changes, onError);
  closing.defer(() => delivery.close());
  const updates = new UpdateNotifier({
    store: storage.subscriptions,
    onWaiting: (clientIds) => delivery.deliver(clientIds),
    onError,
  });
  return {
    ...opened,
    log,
    metrics,
    audit,
    access,
    sessions,
    sessionUse,
    operator: new Operator({
      store: storage.sessions,
      sessions,
      notifyWith: (some, act, tells) => updates.notifyWith(some.map(wholeSession), act, tells),
    }),
    search: new HistorySearch(storage.history, storage.state, meaningOf(config, storage)),
    transfer: transferOf(opened, audit, updates),
    ...keysOf(opened, audit),
    updates,
    delivery,
    watch(listener) {
      const watches = new DisposableStack();
      watches.use(commits.watch(listener));
      watches.use(storage.changes.watch(listener));
      return watches;
    },
    cleanup: cleanupOf(config, storage, log, metrics, onError),
    kept: () => keptIn(storage),
    lost,
  };
}

/** Search by meaning, where an embedding model is configured. */
function meaningOf(config: Config, storage: Storage): VectorSearch | undefined {
  const endpoint = configuredEmbeddings(config);
  return endpoint && new VectorSearch(storage.vectors, endpoint);
}

type Opened = Pick<Data, "config" | "clock" | "storage" | "onError">;

const transferOf = (
  { config, clock, storage }: Opened,
  audit: Audit,
  updates: UpdateNotifier,
): Transfer =>
  new Transfer({
    store: storage.transfer,
    sessions: storage.sessions,
    audit,
    announce: (session) => updates.notify([wholeSession(session)]),
    now: () => clock.now(),
    limits: {
      maxMessageBytes: config["max-message"],
      maxMessages: config["max-messages"],
      maxValueBytes: config["max-value"],
      maxKeys: config["max-keys"],
      maxSessions: config["max-sessions"],
    },
  });

function keysOf(
  { config, clock, storage, onError }: Opened,
  audit: Audit,
): Pick<Data, "keys" | "browserSessions" | "passkeys" | "grants" | "oauthClients"> {
  const keyUse = activityOf(config, storage, clock, storage.apiKeys, onError);
  const keys = new ApiKeys({
    store: storage.apiKeys,
    audit,
    clock,
    onUse: (id) => keyUse.note(id),
  });
  return {
    keys,
    browserSessions: new BrowserSessions(storage.browserSessions, keys, audit, clock),
    passkeys: new Passkeys(storage.passkeys, keys, audit, clock),
    grants: new Grants(storage.oauthGrants, keys, audit, clock),
    oauthClients: new Clients(storage.oauthClients, audit, clock),
  };
}

async function keptIn(storage: Storage): Promise<Kept> {
  const [{ sessions, expiredSessions }, waiting] = await Promise.all([
    storage.statistics(),
    storage.cutoffs.waiting(),
  ]);
  return { sessions, maxAgeMs: storage.maxAgeMs, due: expiredSessions, waiting };
}

/** The change that a command makes to a session as a whole. */
function wholeSession({ id, owner }: Pick<Session, "id" | "owner">): Change {
  const uri = sessionUri(id);
  return { owner, session: id, by: undefined, uris: [SESSIONS_URI, uri], under: uri };
}

interface OpenOptions extends Pick<Data, "clock" | "log" | "metrics"> {
  create: boolean;
  /** Told of each commit of this process. */
  commits: Listeners;
}

async function open(
  config: Config,
  { clock, create, log, metrics, commits }: OpenOptions,
): Promise<Pick<Data, "storage" | "lost">> {
  const { promise: lost, reject: lose } = Promise.withResolvers<never>();
  lost.catch(() => undefined); // the caller decides what to do; an unhandled rejection would end the process
  const storage = await openStorage({
    folder: folderOf(config),
    server: serverOf(config),
    create,
    durability: config.durability,
    clock,
    expiry: {
      ...(config["max-age"] !== undefined && { maxAgeMs: config["max-age"] }),
      ...(config["client-age"] !== undefined && { clientAgeMs: config["client-age"] }),
    },
    streamGraceMs: config["stream-grace"],
    maxMessages: config["max-messages"],
    maxClients: config["max-clients"],
    maxHistoryBytes: config["max-history"],
    maxStateBytes: config["max-state"],
    maxStorageBytes: config["max-storage"],
    maxDatabaseBytes: config["max-database"],
    onCommit(operations, seconds) {
      metrics.committed(operations, seconds);
      commits.tell();
    },
    onEvent: () => void (metrics.events += 1),
    ...(clock instanceof SharedClock && { onServerTime: (ms) => clock.correct(ms) }),
    onJump(jump) {
      const text = jumpText(jump);
      if (text !== undefined) log.warn(text);
    },
    onLog({ bytes, reason }) {
      if (reason === undefined) log.warn({ bytes }, "the write-ahead log is folded in again");
      else log.warn({ bytes, reason }, "the write-ahead log grows: it cannot be folded in");
    },
    onHearing({ reason }) {
      if (reason === undefined) log.warn("changes by other processes are heard at once again");
      else log.warn({ reason }, "changes by other processes are heard late");
    },
    onLost(error) {
      log.error({ err: error }, "nothing can be stored any more");
      lose(error);
    },
    onUpgrade: (copy) =>
      log.warn({ copy }, "upgrading the database; a copy of it as it was is kept"),
  });
  return { storage, lost };
}

/** The shortest age at which a session or a client goes, in milliseconds. */
export const shortestAgeMs = (config: Config, { maxAgeMs, clientAgeMs }: Storage): number =>
  Math.min(maxAgeMs, clientAgeMs, config["temporary-age"]);

/** Records activity in the store, as exactly as the shortest age needs. */
export const activityOf = (
  config: Config,
  storage: Storage,
  clock: Clock,
  store: Pick<Storage["sessions"], "touch">,
  onError: (error: unknown) => void,
): Activity =>
  new Activity(clock, shortestAgeMs(config, storage), (times) => store.touch(times), onError);

function cleanupOf(
  config: Config,
  storage: Storage,
  log: Logger,
  metrics: Metrics,
  onError: (error: unknown) => void,
): Cleanup<Kind> {
  const { cutoffs } = storage;
  return new Cleanup(
    {
      session: storage.sessions,
      client: storage.clients,
      "state key": storage.state,
      stream: storage.streams,
      "request key": storage.keyedCalls,
      task: storage.tasks,
      "audit entry": storage.audit,
      "console session": storage.browserSessions,
      "passkey challenge": storage.passkeys,
      "OAuth token": storage.oauthRecords,
      "OAuth grant": storage.oauthGrants,
      "OAuth client": storage.oauthClients,
    },
    onError,
    storage.upkeep,
    (deleted) => {
      const some = Object.entries(deleted).filter(([, count]) => count > 0);
      for (const [kind, count] of some) metrics.deleted.add(kind, count);
      if (some.length > 0) log.info({ deleted: Object.fromEntries(some) }, "cleanup");
    },
    async (consent, { dryRun } = { dryRun: false }) => {
      const isNew = await cutoffs.settle(config["cleanup-interval"], { consent, dryRun });
      const waiting = isNew && !dryRun ? await cutoffs.waiting() : undefined;
      if (waiting !== undefined && waiting.until !== null) {
        const { sessions, until } = waiting;
        const when = isoTime(until);
        log.warn({ sessions, until: when }, waitingText(sessions, when));
      }
    },
  );
}

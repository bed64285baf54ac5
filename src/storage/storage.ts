// All stores of one storage engine: the interface that everything above storage/ works with.
import type { ApiKeyStore } from "../auth/api-keys.ts";
import type { AuditStore } from "../auth/audit.ts";
import type { BrowserSessionStore } from "../auth/browser-sessions.ts";
import type { PasskeyStore } from "../auth/passkeys.ts";
import type { HistoryStore, VectorStore } from "../chat/store.ts";
import type { RelayStore } from "../clients/relay.ts";
import type { StreamStore } from "../events/store.ts";
import type { IdempotentCallStore } from "../idempotency/idempotent-calls.ts";
import type { InstanceStore } from "../instances/store.ts";
import type { Cutoffs, Maintenance } from "../jobs/cleanup.ts";
import type { Jump } from "../jobs/trusted-time.ts";
import type { Clock } from "../lib/clock.ts";
import type { AppError } from "../lib/errors.ts";
import type { OAuthClientStore, OAuthGrantStore, OAuthRecordStore } from "../oauth/store.ts";
import type { SigningKeyStore } from "../protocol/signing-keys.ts";
import type { ClientStore, SessionStore } from "../sessions/store.ts";
import type { StateStore } from "../state/store.ts";
import type { TaskStore } from "../tasks/store.ts";
import type { StoredFigures } from "../telemetry/readings.ts";
import type { TransferStore } from "../transfer/store.ts";
import type { Changes } from "../updates/changes.ts";
import type { SubscriptionStore } from "../updates/store.ts";

/**
 * The ports of one engine. Several processes may use one storage at the same time, and every method is one operation
 * among them: what it reads it acts on, a limit that it checks holds afterwards, and when it rejects, nothing is stored.
 */
export interface Storage {
  readonly sessions: SessionStore;
  readonly clients: ClientStore;
  readonly state: StateStore;
  readonly history: HistoryStore;
  readonly vectors: VectorStore;
  readonly instances: InstanceStore;
  readonly streams: StreamStore;
  readonly subscriptions: SubscriptionStore;
  readonly relay: RelayStore;
  readonly changes: Changes;
  readonly keyedCalls: IdempotentCallStore;
  readonly tasks: TaskStore;
  readonly signingKeys: SigningKeyStore;
  readonly apiKeys: ApiKeyStore;
  readonly browserSessions: BrowserSessionStore;
  readonly passkeys: PasskeyStore;
  readonly oauthClients: OAuthClientStore;
  readonly oauthGrants: OAuthGrantStore;
  readonly oauthRecords: OAuthRecordStore;
  readonly audit: AuditStore;
  readonly transfer: TransferStore;
  readonly upkeep: Maintenance;
  /** Counts of stored rows, for monitoring. */
  statistics(): Promise<StoredFigures>;
  /**
   * Since last activity, in milliseconds; `Infinity` for never. An engine may change it while it is open, as another
   * process says: read it when it is needed.
   */
  readonly maxAgeMs: number;
  /** The same for clients. */
  readonly clientAgeMs: number;
  /** Up to when things have expired. */
  readonly cutoffs: Cutoffs;
  /** For programs that will be told no maximum age. */
  rememberMaxAge(): Promise<void>;
  /** Runs a request. An engine may read the rows that it will ask for first together. */
  request<T>(caller: CallerIds, act: () => Promise<T>): Promise<T>;
  /** Rejects when the database cannot be written. */
  check(): Promise<void>;
  /** Commits what is under way, folds the write-ahead log into the file, and closes it. */
  close(): Promise<void>;
}

/** The ids that the headers of a request name, none of them checked. */
export interface CallerIds {
  keyId: string | undefined;
  clientId: string | undefined;
}

/** After how long without a use something goes, in milliseconds; `Infinity` for never. */
export interface Expiry {
  maxAgeMs: number;
  clientAgeMs: number;
}

/** Limits on stored bytes. */
export interface UsageLimits {
  /** Most bytes of messages of one owner. Default: no limit. */
  maxHistoryBytes?: number;
  /** Most bytes of state values of one owner. Default: no limit. */
  maxStateBytes?: number;
  /**
   * Most bytes in the file of what one principal stores; its programs may leave a quarter as much besides. Default: half
   * of the file, or 16 GB.
   */
  maxStorageBytes?: number | undefined;
  /** Most bytes of the file. Default: as much as the disk has. */
  maxDatabaseBytes?: number | undefined;
}

/** Called with the number of operations that became durable together, and their duration in seconds. */
export type OnCommit = (operations: number, seconds: number) => void;

/** Called when the write-ahead log has become large, again whenever it has doubled since, and when it is folded in again. */
export type OnLog = (state: { bytes: number; reason?: string }) => void;

/** A database server, in place of a data folder. */
export interface DatabaseServer {
  /** `postgres://user:password@host:port/database`. Never shown: it holds a password. */
  url: string;
  /** The same server without a pooler that gives connections to others between transactions. Default: `url`. */
  listenUrl?: string | undefined;
  /** Maximum number of connections of this process. Default 10. */
  poolSize?: number | undefined;
  /** Between two looks for connections that died without a sign, in milliseconds. Default 5 seconds. */
  lookMs?: number | undefined;
}

export interface StorageOptions extends UsageLimits {
  /** The data folder; undefined keeps everything in memory, or on the server. */
  folder: string | undefined;
  server?: DatabaseServer | undefined;
  /** False refuses a folder or database without data. Default: they are created. */
  create?: boolean;
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
  /** Called at the start and now and then: how far the server's clock is ahead of `clock`, in milliseconds. */
  onServerTime?: ((differenceMs: number) => void) | undefined;
  /** Called when the clock jumps without seen time. */
  onJump?: (jump: Jump) => void;
  /** Called once when the files are lost or replaced: nothing can be stored from then on. */
  onLost?: (error: AppError) => void;
  /** Called when the write-ahead log is large because it cannot be folded in, and when it is folded in again. */
  onLog?: OnLog;
  /** Called when changes by other processes are heard late, with the reason, and when they are heard at once again. */
  onHearing?: (state: { reason?: string }) => void;
}

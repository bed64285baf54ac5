// All stores of one storage engine: the interface that everything above storage/ works with.
import type { ApiKeyStore } from "../auth/api-keys.ts";
import type { SigningKeyStore } from "../protocol/signing-keys.ts";
import type { HistoryStore } from "../chat/store.ts";
import type { InstanceStore } from "../instances/store.ts";
import type { AuditStore } from "../auth/audit.ts";
import type { IdempotentCallStore } from "../idempotency/idempotent-calls.ts";
import type { Cutoffs, Maintenance } from "../jobs/cleanup.ts";
import type { ClientStore, SessionStore } from "../sessions/store.ts";
import type { StateStore } from "../state/store.ts";
import type { StreamStore } from "../events/store.ts";
import type { SubscriptionStore } from "../updates/store.ts";
import type { StoredFigures } from "../telemetry/readings.ts";
import type { TransferStore } from "../transfer/store.ts";

export interface Storage {
  readonly sessions: SessionStore;
  readonly clients: ClientStore;
  readonly state: StateStore;
  readonly history: HistoryStore;
  readonly instances: InstanceStore;
  readonly streams: StreamStore;
  readonly subscriptions: SubscriptionStore;
  readonly keyedCalls: IdempotentCallStore;
  readonly signingKeys: SigningKeyStore;
  readonly apiKeys: ApiKeyStore;
  readonly audit: AuditStore;
  readonly transfer: TransferStore;
  readonly upkeep: Maintenance;
  /** Counts of stored rows, for monitoring. */
  statistics(): Promise<StoredFigures>;
  /** Since last activity, in milliseconds; `Infinity` for never. */
  readonly maxAgeMs: number;
  /** The same for clients. */
  readonly clientAgeMs: number;
  /** Up to when things have expired. */
  readonly cutoffs: Cutoffs;
  /** For programs that will be told no maximum age. */
  rememberMaxAge(): Promise<void>;
  /** Rejects when the database cannot be written. */
  check(): Promise<void>;
  /** Commits what is under way, folds the write-ahead log into the file, and closes it. */
  close(): Promise<void>;
}

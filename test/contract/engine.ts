// The interface of a storage engine to the contract, and helpers of the contract's tests.
import type { NewRequest, RequestId } from "../../src/events/store.ts";
import { newId } from "../../src/lib/ids.ts";
import type { Client, Session } from "../../src/sessions/session.ts";
import type { Storage } from "../../src/storage/storage.ts";
import type { ManualClock } from "../support/manual-clock.ts";

export interface Opened {
  storage: Storage;
  clock: ManualClock;
  /** Opens the same data as another process does; absent where one process has them for itself. */
  another?: () => Promise<Storage>;
  /** Rows of each table that has any, where the engine can be looked into. */
  rows?: () => Promise<Record<string, number>>;
  /** Runs SQL as another program does, where one can. */
  run?: (sql: string) => Promise<void>;
}

/** Opens an empty storage that is closed at the test's end. */
export type Open = (limits?: Limits) => Promise<Opened>;

export interface Limits {
  maxAgeMs?: number;
  maxMessages?: number;
  maxHistoryBytes?: number;
}

/** Defaults of `open`, in milliseconds. */
export const MAX_AGE = 1_000_000;
/** A client counts as connected for this long after it was last seen. */
export const PRESENCE = 1_000;
/** A stream that nobody uses can be resumed for this long: what `open` uses, in milliseconds. */
export const GRACE = 5_000;

export const ANA = "ana";
export const BOB = "bob";

/** A session of Ana's, or as told. */
export async function newSession(
  { sessions }: Storage,
  more: Partial<Pick<Session, "id" | "owner" | "name" | "title" | "system">> = {},
): Promise<Session> {
  return (await sessions.create({ id: newId(), owner: ANA, ...more })).session;
}

/** A client of Ana's that was seen now, or as told. */
export async function newClient(opened: Opened, more: Partial<Client> = {}): Promise<Client> {
  const client = clientOf(opened, more);
  await opened.storage.clients.create(client);
  return client;
}

/** The same, not stored. */
export const clientOf = ({ clock }: Pick<Opened, "clock">, more: Partial<Client> = {}): Client => ({
  id: newId(),
  owner: ANA,
  credentials: "key a",
  scope: "write",
  ownSessionId: newId(),
  sessionId: null,
  name: "editor",
  version: "1.2.3",
  protocolVersion: "2025-11-25",
  capabilities: { sampling: {}, roots: { listChanged: true } },
  initialize: { method: "initialize", params: { deep: [1, null, "ü😀"] } },
  logLevel: null,
  createdAt: clock.now(),
  lastSeenAt: clock.now(),
  presentUntil: clock.now() + PRESENCE,
  endedAt: null,
  ...more,
});

/** Registers a process. */
export async function newInstance({ storage, clock }: Opened): Promise<string> {
  const id = newId();
  const now = clock.now();
  const times = { startedAt: now, heartbeatAt: now };
  await storage.instances.heartbeat({ id, host: "h", pid: 1, ...times, serves: false });
  return id;
}

/** A client of Ana's that is connected to a process, or as told. */
export async function newConnection(
  opened: Opened,
  instanceId: string,
  more: Partial<Client> = {},
): Promise<Client> {
  const client = await newClient(opened, more);
  await opened.storage.clients.changeConnections(instanceId, { added: [client.id], removed: [] });
  return client;
}

export const newRequest = (id: RequestId, more: Partial<NewRequest> = {}): NewRequest => ({
  ...{
    id,
    message: { jsonrpc: "2.0", id, method: "ping" },
    target: null,
    scope: null,
    credentials: null,
  },
  ...more,
});

/** Sets a key without limits. */
export const put = (storage: Storage, sessionId: string, key: string, value = "1") =>
  storage.state.set(sessionId, { key, value, expiresAt: null, maxKeys: 1_000 });

export const say = (storage: Storage, sessionId: string, content: string) =>
  storage.history.append(sessionId, { role: "user", content });

/** The expected fields of a rejection. */
export const failure = (code: string) => ({ name: "AppError", code });

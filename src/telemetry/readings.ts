// What is not counted but looked up when a monitoring system asks.

/** What is stored. */
export interface StoredFigures {
  sessions: number;
  /** Of these, the ones that the next cleanup deletes. */
  expiredSessions: number;
  /** Since the database was made. */
  messagesEver: number;
  historyBytes: number;
  stateBytes: number;
  /** The database file and its log. */
  databaseBytes: number;
  /** The write-ahead log alone. */
  logBytes: number;
}

/** What this process holds. */
export interface LiveFigures {
  clientsInMemory: number;
  connectedClients: number;
  openStreams: number;
  runningCalls: number;
}

/** The shortest time between two looks. */
const KEEP_MS = 5_000;
/** Looking takes at most one part in so many of the time. */
const SHARE = 1_000;

/** Keeps what `look` found for a while, the longer the longer it took: asking often costs the callers nothing. */
export function kept<T>(look: () => Promise<T>): () => Promise<T> {
  let last: Promise<T> | undefined;
  let until = 0;
  return () => {
    const began = performance.now();
    if (last !== undefined && began < until) return last;
    until = Infinity; // one look at a time
    last = look();
    last
      .catch(() => undefined)
      .finally(() => {
        const now = performance.now();
        until = now + Math.max(KEEP_MS, (now - began) * SHARE);
      });
    return last;
  };
}

// Figures that are not counted, but looked up for a scrape.

/** Figures of the database. */
export interface StoredFigures {
  sessions: number;
  /** Sessions that the next cleanup deletes. */
  expiredSessions: number;
  /** Messages since the database was made. */
  messagesEver: number;
  historyBytes: number;
  stateBytes: number;
  /** Bytes of the database file and its log. */
  databaseBytes: number;
  /** Bytes of the write-ahead log alone. */
  logBytes: number;
  /** The connections of this process to a database server; absent for a data folder. */
  pool?: PoolFigures;
}

export interface PoolFigures {
  busy: number;
  idle: number;
  /** Operations that wait for a connection. */
  waiting: number;
  /** False while other processes' changes are only looked for now and then. */
  isListening: boolean;
  /** Milliseconds that a notification takes from this process through the server and back; undefined at first. */
  lagMs: number | undefined;
}

/** Figures of this process. */
export interface LiveFigures {
  clientsInMemory: number;
  connectedClients: number;
  openStreams: number;
  runningCalls: number;
  /** Live processes that serve, with this one. */
  servingProcesses: number;
}

/** Shortest time between two looks. */
const KEEP_MS = 5_000;
/** A look takes at most one part in so many of the time. */
const SHARE = 1_000;

/** Cache a reading, for longer if it took longer: frequent scrapes cost the callers nothing. */
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

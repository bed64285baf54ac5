// How much may be stored: by one owner, and in the file. The bytes of owners are counted by triggers; here is only what
// the counts are held against. What frees space is never refused.
import { eq, sql } from "drizzle-orm";
import { AppError } from "../../../lib/errors.ts";
import type { Sqlite } from "./connection.ts";
import type { Engine } from "./engine.ts";
import { sessions, usage } from "../schema/schema.ts";

export interface UsageLimits {
  /** Most bytes of messages of one owner. Default: no limit. */
  maxHistoryBytes?: number;
  /** Most bytes of state values of one owner. Default: no limit. */
  maxStateBytes?: number;
  /** Most bytes of the file. Default: as much as the disk has. */
  maxDatabaseBytes?: number | undefined;
}

/** Each is called inside a write that has stored something: what it throws undoes that. @throws AppError `limit` */
export interface Usage {
  checkHistory(sessionId: string): void;
  checkState(sessionId: string): void;
  /** For what belongs to no session. */
  checkFile(): void;
}

export function sqliteUsage(
  { db }: Engine,
  sqlite: Sqlite,
  { maxHistoryBytes = Infinity, maxStateBytes = Infinity, maxDatabaseBytes }: UsageLimits,
): Usage {
  const ofOwner = db
    .select({ historyBytes: usage.historyBytes, stateBytes: usage.stateBytes })
    .from(sessions)
    .innerJoin(usage, eq(usage.owner, sessions.owner))
    .where(eq(sessions.id, sql.placeholder("sessionId")))
    .prepare();
  // Pages that are free inside the file are used before it grows.
  const inUse = sqlite.prepare<[], number>(
    `select (p.page_count - f.freelist_count) * s.page_size
      from pragma_page_count p, pragma_freelist_count f, pragma_page_size s`,
  );
  inUse.pluck();

  const checkFile = (): void => {
    if (maxDatabaseBytes !== undefined && inUse.get()! > maxDatabaseBytes)
      throw full("The database", "", maxDatabaseBytes, "max-database");
  };
  return {
    checkFile,
    checkHistory(sessionId) {
      checkFile();
      if ((ofOwner.get({ sessionId })?.historyBytes ?? 0) > maxHistoryBytes)
        throw full("The owner's sessions", " of messages in all", maxHistoryBytes, "max-history");
    },
    checkState(sessionId) {
      checkFile();
      if ((ofOwner.get({ sessionId })?.stateBytes ?? 0) > maxStateBytes)
        throw full("The owner's sessions", " of state values in all", maxStateBytes, "max-state");
    },
  };
}

const full = (whose: string, what: string, bytes: number, setting: string): AppError =>
  new AppError("limit", `${whose} may hold ${bytes} bytes${what}: nothing was stored.`, {
    hint: `Delete or clear sessions that are no longer needed; the setting ${setting} allows more.`,
  });

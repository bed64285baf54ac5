// How many bytes the sessions of one owner may hold. The counts are kept by triggers; here is only what they are held
// against.
import { eq, sql } from "drizzle-orm";
import { AppError } from "../../kernel/errors.ts";
import type { Engine } from "./engine.ts";
import { sessions, usage } from "./schema.ts";

export interface UsageLimits {
  /** Most bytes of messages of one owner. Default: no limit. */
  maxHistoryBytes?: number;
  /** Most bytes of state values of one owner. Default: no limit. */
  maxStateBytes?: number;
}

/** Both are called inside a write that has stored something for a session: what they throw undoes it. */
export interface Usage {
  /** @throws AppError `limit` */
  checkHistory(sessionId: string): void;
  /** @throws AppError `limit` */
  checkState(sessionId: string): void;
}

export function sqliteUsage(
  { db }: Engine,
  { maxHistoryBytes = Infinity, maxStateBytes = Infinity }: UsageLimits,
): Usage {
  const ofOwner = db
    .select({ historyBytes: usage.historyBytes, stateBytes: usage.stateBytes })
    .from(sessions)
    .innerJoin(usage, eq(usage.owner, sessions.owner))
    .where(eq(sessions.id, sql.placeholder("sessionId")))
    .prepare();
  return {
    checkHistory(sessionId) {
      if ((ofOwner.get({ sessionId })?.historyBytes ?? 0) > maxHistoryBytes)
        throw full("messages", maxHistoryBytes, "max-history");
    },
    checkState(sessionId) {
      if ((ofOwner.get({ sessionId })?.stateBytes ?? 0) > maxStateBytes)
        throw full("state values", maxStateBytes, "max-state");
    },
  };
}

const full = (what: string, bytes: number, setting: string): AppError =>
  new AppError("limit", `The owner's sessions may hold ${bytes} bytes of ${what} in all.`, {
    hint: `Delete or clear sessions that are no longer needed; the setting ${setting} allows more.`,
  });

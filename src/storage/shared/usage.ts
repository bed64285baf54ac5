// Rules of the limits on stored bytes that hold on every engine: their defaults, their parts and their errors.
import { AppError } from "../../lib/errors.ts";
import type { UsageLimits } from "../storage.ts";

/** A principal's account of stored bytes. */
export interface Account {
  historyBytes: number;
  stateBytes: number;
  storedBytes: number;
  programBytes: number;
}

/** Room for the `max-history` and `max-state` that are usual. */
const USUAL_BYTES = 16 * 2 ** 30;
/** Part of programs alone: keys that only read take no room from writers, and a full principal can still connect. */
const PART_OF_PROGRAMS = 1 / 4;
/** Part of the database for programs alone: a client must be able to connect to make room. */
export const KEPT_FOR_PROGRAMS = 1 / 16;

/** The bytes of an account beside those of programs. */
export const ownBytes = ({ storedBytes, programBytes }: Account): number =>
  storedBytes - programBytes;

/** The bytes of cleared histories whose rows are still to go. */
export type Leaving = Pick<Account, "historyBytes" | "storedBytes">;

/** What clearing leaves of an account; its rows go later, but its room is free at once. */
export const without = (account: Account, leaving: Leaving | undefined): Account => ({
  ...account,
  historyBytes: account.historyBytes - (leaving?.historyBytes ?? 0),
  storedBytes: account.storedBytes - (leaving?.storedBytes ?? 0),
});

export type UsageRules = ReturnType<typeof usageRules>;

/** The limits in force. The checks throw AppError `limit`. */
export function usageRules({
  maxHistoryBytes = Infinity,
  maxStateBytes = Infinity,
  maxDatabaseBytes,
  maxStorageBytes = (maxDatabaseBytes ?? 2 * USUAL_BYTES) / 2,
}: UsageLimits) {
  const maxProgramBytes = Math.floor(maxStorageBytes * PART_OF_PROGRAMS);
  const storageSetting =
    maxDatabaseBytes !== undefined && maxStorageBytes === maxDatabaseBytes / 2
      ? "max-storage (half of max-database without it)"
      : "max-storage";
  return {
    ...{ maxHistoryBytes, maxStateBytes, maxStorageBytes, maxProgramBytes },
    isOver: (account: Account | undefined): boolean =>
      account !== undefined && ownBytes(account) > maxStorageBytes,
    isOverWithHistory: (account: Account): boolean =>
      ownBytes(account) > maxStorageBytes || account.historyBytes > maxHistoryBytes,
    programsOver: (account: Pick<Account, "programBytes"> | undefined): boolean =>
      account !== undefined && account.programBytes > maxProgramBytes,
    checkHistory(account: Account | undefined): void {
      if (account !== undefined && account.historyBytes > maxHistoryBytes)
        throw full("The owner's sessions", " of messages in all", maxHistoryBytes, "max-history");
    },
    checkState(account: Account | undefined): void {
      if (account !== undefined && account.stateBytes > maxStateBytes)
        throw full("The owner's sessions", " of state values in all", maxStateBytes, "max-state");
    },
    fullOwner: (): AppError => full("The owner", " in all", maxStorageBytes, storageSetting),
    fullDatabase: (): AppError => full("The database", "", maxDatabaseBytes!, "max-database"),
    fullPrograms: (): AppError =>
      new AppError(
        "limit",
        `The programs of one principal may hold ${maxProgramBytes} bytes here: nothing was stored.`,
        {
          hint: `End programs and subscriptions that are no longer needed; theirs is a quarter of the setting ${storageSetting}.`,
        },
      ),
  };
}

const full = (whose: string, what: string, bytes: number, setting: string): AppError =>
  new AppError("limit", `${whose} may hold ${bytes} bytes${what}: nothing was stored.`, {
    hint: `session_delete deletes what is no longer needed, session_clear empties it; the setting ${setting} allows more.`,
  });

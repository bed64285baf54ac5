// Limits on stored bytes, per principal and for the file. Triggers keep the accounts (migrations/0024_accounts.sql);
// this file checks them. Deletions are never refused.
import { eq, sql } from "drizzle-orm";
import { AppError } from "../../../lib/errors.ts";
import type { UsageLimits } from "../../storage.ts";
import type { Sqlite } from "../engine/connection.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { sessions, usage } from "../schema/schema.ts";
import { sqliteProgramRoom } from "./program-room.ts";

/** Each check is called inside a write that has stored something: what it throws undoes that. @throws AppError `limit` */
export interface Usage {
  checkHistory(sessionId: string): void;
  checkState(sessionId: string): void;
  /** For whatever else belongs to a session. */
  checkSession(sessionId: string): void;
  /** Checks the bytes that a client leaves by connecting. First deletes rows that no client waits for. */
  checkProgram(clientId: string): void;
  /** Checks room for a notification, which is dropped without room. */
  hasProgramRoom(clientId: string): boolean;
  /** True if the principal has reached its limit. */
  isFull(owner: string): boolean;
}

type Account = Omit<typeof usage.$inferSelect, "owner">;
const NOTHING: Account = { historyBytes: 0, stateBytes: 0, storedBytes: 0, programBytes: 0 };

/** Room for the `max-history` and `max-state` that are usual. */
const USUAL_BYTES = 16 * 2 ** 30;
/** Part of programs alone: keys that only read take no room from writers, and a full principal can still connect. */
const PART_OF_PROGRAMS = 1 / 4;
/** Part of the file for programs alone: a client must be able to connect to make room. */
const KEPT_FOR_PROGRAMS = 1 / 16;

function statements({ db }: Engine, sqlite: Sqlite) {
  const { owner: _owner, ...columns } = {
    ...{ owner: usage.owner, historyBytes: usage.historyBytes, stateBytes: usage.stateBytes },
    ...{ storedBytes: usage.storedBytes, programBytes: usage.programBytes },
  };
  return lazily({
    ofSession: () =>
      db
        .select(columns)
        .from(sessions)
        .innerJoin(usage, eq(usage.owner, sessions.owner))
        .where(eq(sessions.id, sql.placeholder("id")))
        .prepare(),
    // Asked for each call that gets a stream.
    ofPrograms: () =>
      sqlite
        .prepare<[string], number>(
          "select program_bytes from clients join usage on usage.owner = clients.owner where clients.id = +?",
        )
        .pluck(),
    ofOwner: () =>
      db
        .select(columns)
        .from(usage)
        .where(eq(usage.owner, sql.placeholder("owner")))
        .prepare(),
  });
}

export function sqliteUsage(
  engine: Engine,
  sqlite: Sqlite,
  {
    maxHistoryBytes = Infinity,
    maxStateBytes = Infinity,
    maxDatabaseBytes,
    maxStorageBytes = (maxDatabaseBytes ?? 2 * USUAL_BYTES) / 2,
  }: UsageLimits,
): Usage {
  const maxProgramBytes = Math.floor(maxStorageBytes * PART_OF_PROGRAMS);
  const q = statements(engine, sqlite);
  const room = sqliteProgramRoom(engine);
  // Pages that are free inside the file are used before it grows.
  const inUse = sqlite.prepare<[], number>(
    `select (p.page_count - f.freelist_count) * s.page_size
      from pragma_page_count p, pragma_freelist_count f, pragma_page_size s`,
  );
  inUse.pluck();

  const fileIsFull = ({ kept = 0 } = {}): boolean =>
    maxDatabaseBytes !== undefined && inUse.get()! > maxDatabaseBytes * (1 - kept);
  const isOver = ({ storedBytes, programBytes }: Account = NOTHING): boolean =>
    storedBytes - programBytes > maxStorageBytes;
  const storageSetting =
    maxDatabaseBytes !== undefined && maxStorageBytes === maxDatabaseBytes / 2
      ? "max-storage (half of max-database without it)"
      : "max-storage";

  /** The principal's share comes first: it is refused before others are. */
  const checkSession = (id: string): Account | undefined => {
    const account = q.ofSession.get({ id });
    if (isOver(account)) throw full("The owner", " in all", maxStorageBytes, storageSetting);
    if (fileIsFull({ kept: KEPT_FOR_PROGRAMS })) throw fullFile();
    return account;
  };
  const fullFile = (): AppError => full("The database", "", maxDatabaseBytes!, "max-database");
  const programsOver = (id: string): boolean => (q.ofPrograms.get(id) ?? 0) > maxProgramBytes;
  return {
    checkSession: (sessionId) => void checkSession(sessionId),
    checkHistory(sessionId) {
      const bytes = checkSession(sessionId)?.historyBytes ?? 0;
      if (bytes > maxHistoryBytes)
        throw full("The owner's sessions", " of messages in all", maxHistoryBytes, "max-history");
    },
    checkState(sessionId) {
      const bytes = checkSession(sessionId)?.stateBytes ?? 0;
      if (bytes > maxStateBytes)
        throw full("The owner's sessions", " of state values in all", maxStateBytes, "max-state");
    },
    checkProgram(id) {
      if (programsOver(id) && !room.make(id, () => !programsOver(id)))
        throw new AppError(
          "limit",
          `The programs of one principal may hold ${maxProgramBytes} bytes here: nothing was stored.`,
          {
            hint: `End programs and subscriptions that are no longer needed; theirs is a quarter of the setting ${storageSetting}.`,
          },
        );
      if (fileIsFull()) throw fullFile();
    },
    hasProgramRoom: (id) => !programsOver(id) && !fileIsFull(),
    isFull: (owner) => isOver(q.ofOwner.get({ owner })) || fileIsFull({ kept: KEPT_FOR_PROGRAMS }),
  };
}

const full = (whose: string, what: string, bytes: number, setting: string): AppError =>
  new AppError("limit", `${whose} may hold ${bytes} bytes${what}: nothing was stored.`, {
    hint: `session_delete deletes what is no longer needed, session_clear empties it; the setting ${setting} allows more.`,
  });

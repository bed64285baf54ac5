// Limits on stored bytes, per principal and for the file. Triggers keep the accounts (migrations/0024_accounts.sql);
// this file checks them. Deletions are never refused.
import { eq, sql } from "drizzle-orm";
import { type Account, KEPT_FOR_PROGRAMS, usageRules, without } from "../../shared/usage.ts";
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
  /** For what belongs to a principal itself. */
  checkOwner(owner: string): void;
  /** Checks the bytes that a client leaves by connecting. First deletes rows that no client waits for. */
  checkProgram(clientId: string): void;
  /** Checks room for a notification, which is dropped without room. */
  hasProgramRoom(clientId: string): boolean;
  /** True if the principal has reached its limit. */
  isFull(owner: string): boolean;
}

function statements({ db }: Engine, sqlite: Sqlite) {
  const columns = {
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
    leaving: () =>
      db
        .select({
          historyBytes: sql<number>`coalesce(sum(octet_length(messages.content)), 0)`,
          storedBytes: sql<number>`coalesce(sum(200 + 2 * octet_length(messages.content)), 0)`,
        })
        .from(
          sql`history_gaps join sessions on sessions.id = history_gaps.session_id
            join messages on messages.session_id = sessions.id and messages.seq <= history_gaps.cleared_seq`,
        )
        .where(sql`history_gaps.cleared_seq > 0 and sessions.owner = ${sql.placeholder("owner")}`)
        .prepare(),
    ofOwner: () =>
      db
        .select(columns)
        .from(usage)
        .where(eq(usage.owner, sql.placeholder("owner")))
        .prepare(),
    // Pages that are free inside the file are used before it grows.
    bytesInUse: () =>
      sqlite
        .prepare<[], number>(
          `select (p.page_count - f.freelist_count) * s.page_size
            from pragma_page_count p, pragma_freelist_count f, pragma_page_size s`,
        )
        .pluck(),
  });
}

export function sqliteUsage(engine: Engine, sqlite: Sqlite, limits: UsageLimits): Usage {
  const rules = usageRules(limits);
  const { maxDatabaseBytes } = limits;
  const q = statements(engine, sqlite);
  const room = sqliteProgramRoom(engine);

  const fileIsFull = ({ kept = 0 } = {}): boolean =>
    maxDatabaseBytes !== undefined && q.bytesInUse.get()! > maxDatabaseBytes * (1 - kept);

  /** The room of cleared histories is counted only where it decides. */
  const settled = (account: (Account & { owner: string }) | undefined): Account | undefined =>
    account !== undefined && rules.isOverWithHistory(account)
      ? without(account, q.leaving.get({ owner: account.owner }))
      : account;
  /** The principal's share comes first: it is refused before others are. */
  const checkSession = (id: string): Account | undefined => {
    const account = settled(q.ofSession.get({ id }));
    if (rules.isOver(account)) throw rules.fullOwner();
    if (fileIsFull({ kept: KEPT_FOR_PROGRAMS })) throw rules.fullDatabase();
    return account;
  };
  const programsOver = (id: string): boolean => (q.ofPrograms.get(id) ?? 0) > rules.maxProgramBytes;
  return {
    checkSession: (sessionId) => void checkSession(sessionId),
    checkHistory: (sessionId) => rules.checkHistory(checkSession(sessionId)),
    checkState: (sessionId) => rules.checkState(checkSession(sessionId)),
    checkOwner(owner) {
      if (rules.isOver(settled(q.ofOwner.get({ owner })))) throw rules.fullOwner();
      if (fileIsFull({ kept: KEPT_FOR_PROGRAMS })) throw rules.fullDatabase();
    },
    checkProgram(id) {
      if (programsOver(id) && !room.make(id, () => !programsOver(id))) throw rules.fullPrograms();
      if (fileIsFull()) throw rules.fullDatabase();
    },
    hasProgramRoom: (id) => !programsOver(id) && !fileIsFull(),
    isFull: (owner) =>
      rules.isOver(settled(q.ofOwner.get({ owner }))) || fileIsFull({ kept: KEPT_FOR_PROGRAMS }),
  };
}

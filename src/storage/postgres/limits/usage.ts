// Limits on stored bytes, per principal and for the database. Triggers keep the accounts
// (migrations/postgres/0001_views_and_triggers.sql); this file checks them. Deletions are never refused.
import { eq, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import {
  type Account,
  KEPT_FOR_PROGRAMS,
  type Leaving,
  ownBytes,
  usageRules,
  without,
} from "../../shared/usage.ts";
import type { UsageLimits } from "../../storage.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared, together } from "../engine/statements.ts";
import { clients, sessions, usage } from "../schema/schema.ts";
import { databaseSize } from "./database-size.ts";
import { postgresProgramRoom } from "./program-room.ts";

const { placeholder } = sql;

/**
 * Each check is called inside a write, and sent behind the statements that have stored something: what it throws undoes
 * that. @throws AppError `limit`
 */
export interface Usage {
  checkHistory(sessionId: string): Promise<void>;
  checkState(sessionId: string): Promise<void>;
  /** For whatever else belongs to a session. */
  checkSession(sessionId: string): Promise<void>;
  /** For what belongs to a principal itself. */
  checkOwner(owner: string): Promise<void>;
  /** Checks the bytes that a client leaves by connecting. First deletes rows that no client waits for. */
  checkProgram(clientId: string): Promise<void>;
  /** Checks room for a notification, which is dropped without room. */
  hasProgramRoom(clientId: string): Promise<boolean>;
  /** True if the principal has reached its limit. */
  isFull(owner: string): Promise<boolean>;
}

/**
 * A write does not see what others store at the same time. So close to a limit, an account's writes follow each other; what
 * is stored at one time is assumed to be less.
 */
const CLOSE = 64 << 20; // bytes

export function postgresUsage(engine: Engine, limits: UsageLimits): Usage {
  const rules = usageRules(limits);
  const { maxDatabaseBytes } = limits;
  const accounts = accountRows(engine);
  const room = postgresProgramRoom(engine);
  const size = maxDatabaseBytes === undefined ? undefined : databaseSize(engine, maxDatabaseBytes);

  /** The account after all writes that were close to a limit before this one. */
  const settled = async (
    find: () => Promise<OwnedAccount | undefined>,
    bounds: (account: Account) => readonly [bytes: number, most: number][],
  ): Promise<OwnedAccount | undefined> => {
    const account = await find();
    if (account === undefined) return undefined;
    if (bounds(account).every(([bytes, most]) => bytes < most - CLOSE)) return account;
    await engine.lock(`account of ${account.owner}`);
    return find();
  };
  /** The room of cleared histories is counted only where it decides. */
  const counted = async (account: OwnedAccount | undefined): Promise<Account | undefined> =>
    account !== undefined && rules.isOverWithHistory(account)
      ? without(account, await accounts.leaving(account.owner))
      : account;
  const databaseIsFull = async (part = 1): Promise<boolean> => (await size?.isFull(part)) === true;

  /** The principal's share comes first: it is refused before others are. */
  const checkSession = async (id: string): Promise<Account | undefined> => {
    const account = await counted(
      await settled(
        () => accounts.ofSession(id),
        (found) => [
          [ownBytes(found), rules.maxStorageBytes],
          [found.historyBytes, rules.maxHistoryBytes],
          [found.stateBytes, rules.maxStateBytes],
        ],
      ),
    );
    if (rules.isOver(account)) throw rules.fullOwner();
    if (await databaseIsFull(1 - KEPT_FOR_PROGRAMS)) throw rules.fullDatabase();
    return account;
  };
  return {
    checkSession: async (sessionId) => void (await checkSession(sessionId)),
    checkHistory: async (sessionId) => rules.checkHistory(await checkSession(sessionId)),
    checkState: async (sessionId) => rules.checkState(await checkSession(sessionId)),
    async checkOwner(owner) {
      const find = () => accounts.ofOwner(owner);
      const account = await counted(
        await settled(find, (found) => [[ownBytes(found), rules.maxStorageBytes]]),
      );
      if (rules.isOver(account)) throw rules.fullOwner();
      if (await databaseIsFull(1 - KEPT_FOR_PROGRAMS)) throw rules.fullDatabase();
    },
    async checkProgram(id) {
      const find = () => accounts.ofClient(id);
      const account = await settled(find, (found) => [[found.programBytes, rules.maxProgramBytes]]);
      const enough = async (): Promise<boolean> => !rules.programsOver(await find());
      if (rules.programsOver(account) && !(await room.make(id, enough))) throw rules.fullPrograms();
      if (await databaseIsFull()) throw rules.fullDatabase();
    },
    hasProgramRoom: async (id) =>
      !rules.programsOver(await accounts.ofClient(id)) && !(await databaseIsFull()),
    isFull: async (owner) =>
      rules.isOver(await counted(await accounts.ofOwner(owner))) ||
      (await databaseIsFull(1 - KEPT_FOR_PROGRAMS)),
  };
}

type OwnedAccount = Account & { owner: string };

/** The accounts, each the sum of its shards. */
function accountRows({ db }: Engine) {
  const sum = (column: PgColumn) => sql<number>`coalesce(sum(${column}), 0)::bigint`;
  const columns = {
    owner: usage.owner,
    historyBytes: sum(usage.historyBytes),
    stateBytes: sum(usage.stateBytes),
    storedBytes: sum(usage.storedBytes),
    programBytes: sum(usage.programBytes),
  };
  const q = prepared({
    ofSession: together({ id: "text" }, () =>
      db
        .select(columns)
        .from(sessions)
        .innerJoin(usage, eq(usage.owner, sessions.owner))
        .where(eq(sessions.id, placeholder("id")))
        .groupBy(usage.owner),
    ),
    leaving: () =>
      db
        .select({
          historyBytes: sql<number>`coalesce(sum(octet_length(messages.content)), 0)::bigint`,
          storedBytes: sql<number>`coalesce(sum(stored_bytes(messages)), 0)::bigint`,
        })
        .from(
          sql`history_gaps join sessions on sessions.id = history_gaps.session_id
            join messages on messages.session_id = sessions.id and messages.seq <= history_gaps.cleared_seq`,
        )
        .where(sql`history_gaps.cleared_seq > 0 and sessions.owner = ${placeholder("owner")}`),
    ofClient: () =>
      db
        .select(columns)
        .from(clients)
        .innerJoin(usage, eq(usage.owner, clients.owner))
        .where(eq(clients.id, placeholder("id")))
        .groupBy(usage.owner),
    ofOwner: () =>
      db
        .select(columns)
        .from(usage)
        .where(eq(usage.owner, placeholder("owner")))
        .groupBy(usage.owner),
  });
  return {
    ofSession: (id: string): Promise<OwnedAccount | undefined> => q.ofSession.get({ id }),
    ofClient: (id: string): Promise<OwnedAccount | undefined> => q.ofClient.get({ id }),
    leaving: (owner: string): Promise<Leaving | undefined> => q.leaving.get({ owner }),
    ofOwner: (owner: string): Promise<OwnedAccount | undefined> => q.ofOwner.get({ owner }),
  };
}

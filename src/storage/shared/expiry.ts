// Times and conditions of life and expiry that hold on every engine.
import { type SQL, sql } from "drizzle-orm";
import type { Consent, Cutoff, CutoffKind, CutoffRecord } from "../../jobs/cutoff.ts";
import type { TrustedTime } from "../../jobs/trusted-time.ts";
import { SESSIONS_URI } from "../../sessions/uris.ts";

/** The cutoff of each kind of expiry, and the trusted time. */
export type EngineTimes = Readonly<Record<CutoffKind, Cutoff> & { time: TrustedTime }>;

/** A cutoff's record as a row: whole milliseconds, and null for an age of never. */
interface CutoffRow {
  maxAgeMs: number | null;
  seenAt: number;
  announcedCutoff: number | null;
  announcedAt: number | null;
  dueAt: number | null;
}

export function recordOfRow(row: CutoffRow | undefined): CutoffRecord | undefined {
  if (row === undefined) return undefined;
  const { announcedCutoff: cutoff, announcedAt: at, dueAt } = row;
  const isAnnounced = cutoff !== null && at !== null && dueAt !== null;
  return {
    ...{ maxAgeMs: row.maxAgeMs ?? Infinity, seenAt: row.seenAt },
    announced: isAnnounced ? { cutoff, at, dueAt } : null,
  };
}

/** Rounded so that nothing expires earlier than by the record. */
const rowOfRecord = ({ maxAgeMs, seenAt, announced }: CutoffRecord): CutoffRow => ({
  maxAgeMs: maxAgeMs === Infinity ? null : Math.ceil(maxAgeMs),
  seenAt: Math.floor(seenAt),
  announcedCutoff: announced && Math.floor(announced.cutoff),
  announcedAt: announced && Math.floor(announced.at),
  dueAt: announced && Math.ceil(announced.dueAt),
});

const KINDS: readonly CutoffKind[] = ["session", "client", "empty"];

/** Settles the cutoff of each kind: their rows, and whether a step that sessions wait for is new. */
export async function settleCutoffs(
  of: EngineTimes,
  graceMs: number,
  consent: Consent | undefined,
): Promise<{ rows: (CutoffRow & { kind: CutoffKind })[]; isNew: boolean }> {
  const rows = [];
  let isNew = false;
  for (const kind of KINDS) {
    const settled = await of[kind].settle(graceMs, consent);
    rows.push({ kind, ...rowOfRecord(settled.record) });
    if (kind === "session") isNew = settled.isNew;
  }
  return { rows, isNew };
}

/** The current cutoffs: rows last used at or before their cutoff have expired. */
export type ExpiryTimes = {
  now: number;
  /** The same, without what the clock has gained unseen within a day. */
  passed: number;
  oldest: number;
  oldestClient: number;
  oldestEmpty: number;
  oldestNeverBack: number;
};

/** Lifetime of clients when sessions never expire. */
export const CLIENT_AGE_MS = 90 * 86_400_000;

/** Lifetime of a client that has never come back with its id. With one default `cleanup-interval`, less than an hour. */
export const NEVER_BACK_MS = 45 * 60_000;

/** Maximum time that a close waits for the deletion of large sessions. The next cleanup deletes the rest. */
export const MAX_PURGE_MS = 10_000;

/**
 * The last activity of a hidden session: an import is writing it, or it is being deleted in batches. The cleanup
 * deletes what a dead process has left of it.
 */
export const HIDDEN = 0;

/** The URI of the current session. */
const uriOfSession: SQL = sql`${sql.raw(`'${SESSIONS_URI}/'`)} || sessions.id`;

// These conditions write columns with their tables. Drizzle leaves the table out in a query on one table, and a bare `id`
// inside a subquery would be another table's.

/** A client with an open stream or call, which does not make room for another one. */
export const clientEngaged: SQL = sql`(clients.present_until > ${sql.placeholder("now")}
  or exists (select 1 from open_requests where open_requests.client_id = clients.id))`;

/**
 * A client with an open call or a connection to any process, now or a moment ago, which is never cleaned up. Connections
 * count because a stopped process cannot renew `present_until`, and a wrong clock passes it.
 */
export const clientHeld: SQL = sql`(${clientEngaged}
  or exists (select 1 from connections where connections.client_id = clients.id))`;

/** A client of the session at hand that protects it from deletion. */
const clientPresent: SQL = sql`clients.session_id = sessions.id
  and clients.ended_at is null and ${clientHeld}`;

/**
 * A connected client that works in the session at hand, or listens to a part of it that it may see. `present_until` does
 * not count: it goes on for a while after the connection.
 */
export const clientConnected: SQL = sql`clients.id in (
    select working.id from clients working where working.session_id = sessions.id
    union select subscriptions.client_id from subscriptions where subscriptions.uri = ${uriOfSession}
      or (subscriptions.uri >= ${uriOfSession} || '/' and subscriptions.uri < ${uriOfSession} || '0'))
  and clients.ended_at is null
  and exists (select 1 from connections where connections.client_id = clients.id)
  and (clients.owner = sessions.owner or exists (select 1 from grants
    where grants.session_id = sessions.id and grants.principal = clients.owner))`;

/** In use by a live connection, by a chat turn that is being answered, by a call that runs, or by a task that has not ended. */
export const inUse: SQL = sql`(exists (select 1 from clients where ${clientPresent})
  or exists (select 1 from turns where turns.session_id = sessions.id)
  or exists (select 1 from running_sessions where running_sessions.session_id = sessions.id)
  or exists (select 1 from tasks where tasks.session_id = sessions.id and tasks.finished_at is null))`;

/** A session that is neither hidden nor expired: used within the maximum age or its own, pinned, or in use. */
export const sessionAlive: SQL = sql`(sessions.last_active_at <> ${sql.raw(String(HIDDEN))} and (
  (sessions.last_active_at > ${sql.placeholder("oldest")}
    and (sessions.keep_ms is null or sessions.last_active_at + sessions.keep_ms > ${sql.placeholder("passed")}))
  or sessions.pinned or ${inUse}))`;

/** A session that was opened, and then neither named nor filled. */
export const blank: SQL = sql`sessions.name is null and sessions.title is null and sessions.system is null
  and not exists (select 1 from messages where messages.session_id = sessions.id)
  and not exists (select 1 from session_state where session_state.session_id = sessions.id)
  and not exists (select 1 from grants where grants.session_id = sessions.id)
  and not exists (select 1 from share_offers where share_offers.session_id = sessions.id)`;

/** A session that the cleanup deletes. The reverse of `sessionAlive` in a form that indexes serve, and blank sessions. */
export const sessionExpired: SQL = sql`((sessions.last_active_at <= ${sql.placeholder("oldest")}
    or (sessions.keep_ms is not null and sessions.last_active_at + sessions.keep_ms <= ${sql.placeholder("passed")})
    or (sessions.last_active_at <= ${sql.placeholder("oldestEmpty")} and ${blank}))
  and not sessions.pinned and not ${inUse})`;

/** A client that was last seen at its creation, and has never come back with its id. */
const neverBack: SQL = sql`(clients.last_seen_at <= ${sql.placeholder("oldestNeverBack")}
  and clients.last_seen_at = clients.created_at)`;

/** A client that has neither ended nor expired. A connected client does not expire. */
export const clientAlive: SQL = sql`(clients.ended_at is null
  and (clients.last_seen_at > ${sql.placeholder("oldestClient")} and not ${neverBack}
    or ${clientHeld}))`;

/** The reverse of `clientAlive`, in a form that indexes serve. */
export const clientExpired: SQL = sql`(clients.ended_at is not null
  or ((clients.last_seen_at <= ${sql.placeholder("oldestClient")} or ${neverBack}) and not ${clientHeld}))`;

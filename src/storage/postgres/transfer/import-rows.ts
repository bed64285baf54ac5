// What imports write: sessions that nobody sees yet, and pages of content. To be used inside a write.
import { and, eq, sql } from "drizzle-orm";
import type { Message } from "../../../chat/message.ts";
import type { AppError } from "../../../lib/errors.ts";
import type { Content, ContentCounts, SessionRecord } from "../../../transfer/store.ts";
import { HIDDEN, sessionAlive } from "../../shared/expiry.ts";
import { uncleared } from "../../shared/messages.ts";
import { ownerHasTooMany } from "../../shared/sessions.ts";
import { idTaken, importLost } from "../../shared/transfer.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { messageStatements } from "../history/message-rows.ts";
import type { Usage } from "../limits/usage.ts";
import { clients, messages, sessions, turns } from "../schema/schema.ts";
import { postgresSessionNames } from "../sessions/session-names.ts";
import { statePut } from "../sessions/state-rows.ts";

const { placeholder } = sql;

export function importRows(engine: Engine, maxMessages: number, usage: Usage) {
  const rows = messageStatements(engine, maxMessages, usage);
  const names = postgresSessionNames(engine);
  const q = statementsOf(engine);

  /**
   * `lastSeq`: the last number before this page; resolves to the last number of the page. `mismatch`: the error for a session
   * other than the expected one.
   */
  const write = async (
    id: string,
    page: readonly Content[],
    lastSeq: number,
    mismatch: () => AppError,
  ): Promise<number> => {
    if ((await rows.gaps.numbers(id)).lastSeq !== lastSeq) throw mismatch();
    const setStatus = async (message: Message): Promise<void> => {
      if ((await q.setStatus.run({ id, ...message })).changes !== 1) throw mismatch();
    };
    const added: Message[] = [];
    let last = lastSeq;
    // Sent at once: one way to the database and back for the page.
    const sent: Promise<unknown>[] = [];
    for (const piece of page) {
      if (piece.type === "state") {
        sent.push(q.put.run({ sessionId: id, ...piece.entry }));
      } else if (piece.message.seq <= last) {
        sent.push(setStatus(piece.message));
      } else {
        const { message } = piece;
        const missing = message.seq - last - 1;
        if (missing > 0) sent.push(rows.gaps.add(id, { missing, lastSeq: message.seq - 1 }));
        added.push(message);
        last = message.seq;
      }
    }
    if (page.some(({ type }) => type === "state")) sent.push(usage.checkState(id));
    await Promise.all([...sent, rows.addAll(id, added)]);
    return last;
  };

  /** The number of the owner's sessions; 0 without a limit, because counting takes long. */
  const countOf = async (owner: string, maxSessions: number): Promise<number> =>
    maxSessions === Infinity ? 0 : (await q.count.get({ ...engine.times(), owner }))!.n;

  /** Within the lock on the owner's sessions. */
  const begin = async (session: SessionRecord, maxSessions: number): Promise<void> => {
    const { id, owner, title, system, createdAt } = session;
    const times = engine.times();
    const [, alive, othersClient, count] = await Promise.all([
      q.lock.get({ id }),
      q.alive.get({ ...times, id }),
      q.othersClient.get({ id, owner }),
      countOf(owner, maxSessions),
    ]);
    if (alive ?? othersClient) throw idTaken();
    if (count >= maxSessions) throw ownerHasTooMany(maxSessions);
    await q.delete.run({ id }); // what is left under this id has expired
    await q.insert.run({ id, owner, title, system, createdAt });
  };

  /** Within the lock on the owner's sessions. `written`: the counts of this import. True if the session could keep its name. */
  const publish = async (
    session: SessionRecord,
    written: ContentCounts,
    maxSessions: number,
  ): Promise<boolean> => {
    const { id, owner, pinned, lastActiveAt } = session;
    const found = await q.content.get({ id });
    if (found?.messages !== written.messages || found.stateKeys !== written.stateKeys)
      throw importLost();
    const named = session.name === null || (await names.free(owner, session.name));
    const name = named ? session.name : null;
    if ((await q.publish.run({ id, name, pinned, lastActiveAt })).changes !== 1) throw importLost();
    // Other rows may have come in meanwhile.
    if ((await countOf(owner, maxSessions)) > maxSessions) throw ownerHasTooMany(maxSessions);
    return named;
  };

  return { q, write, begin, publish };
}

function statementsOf(engine: Engine) {
  const { db } = engine;
  const byId = eq(sessions.id, placeholder("id"));
  const owned = eq(sessions.owner, placeholder("owner"));
  const hidden = eq(sessions.lastActiveAt, HIDDEN);
  return prepared({
    lock: () => db.select({ id: sessions.id }).from(sessions).where(byId).for("update"),
    alive: () => db.select().from(sessions).where(and(byId, sessionAlive)),
    count: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(sessions)
        .where(and(owned, sessionAlive)),
    othersClient: () =>
      db
        .select({ id: clients.id })
        .from(clients)
        .where(
          and(eq(clients.id, placeholder("id")), sql`${clients.owner} <> ${placeholder("owner")}`),
        ),
    answering: () =>
      db
        .select({ id: turns.sessionId })
        .from(turns)
        .where(eq(turns.sessionId, placeholder("id"))),
    insert: () =>
      db.insert(sessions).values({
        ...{ name: null, pinned: false, lastActiveAt: HIDDEN },
        id: placeholder("id"),
        owner: placeholder("owner"),
        title: placeholder("title"),
        system: placeholder("system"),
        createdAt: placeholder("createdAt"),
      }),
    delete: () => db.delete(sessions).where(byId),
    deleteStaged: () => db.delete(sessions).where(and(byId, hidden)),
    publish: () =>
      db
        .update(sessions)
        .set({
          name: sql`${placeholder("name")}`,
          pinned: sql`${placeholder("pinned")}`,
          lastActiveAt: sql`${placeholder("lastActiveAt")}`,
        })
        .where(and(byId, hidden)),
    touch: () =>
      db
        .update(sessions)
        .set({ lastActiveAt: sql`greatest(${sessions.lastActiveAt}, ${placeholder("now")})` })
        .where(byId),
    content: () =>
      db
        .select({
          messages: sql<number>`(select count(*) from messages where messages.session_id = sessions.id)`,
          stateKeys: sql<number>`(select count(*) from session_state where session_state.session_id = sessions.id)`,
        })
        .from(sessions)
        .where(byId),
    put: () => statePut(engine),
    setStatus: () =>
      db
        .update(messages)
        .set({ status: sql`${placeholder("status")}` })
        .where(
          and(
            eq(messages.sessionId, placeholder("id")),
            eq(messages.seq, placeholder("seq")),
            uncleared(placeholder("id")),
            eq(messages.role, placeholder("role")),
            eq(messages.content, placeholder("content")),
          ),
        ),
  });
}

// Whole sessions in SQLite. An import writes page by page, so a large session holds neither memory nor the write lock for
// long. Until the last page the session's last activity is 0, which hides it, and the next cleanup deletes what a killed
// import has left.
import { and, eq, sql } from "drizzle-orm";
import { AppError } from "../../../lib/errors.ts";
import type { Content, SessionRecord, TransferStore } from "../../../transfer/store.ts";
import { HIDDEN, sessionAlive } from "../../shared/expiry.ts";
import { uncleared } from "../../shared/messages.ts";
import { beingAnswered, deletedMeanwhile, ownerHasTooMany } from "../../shared/sessions.ts";
import { changedMeanwhile, idTaken, importLost } from "../../shared/transfer.ts";
import type { Sqlite } from "../engine/connection.ts";
import type { Engine } from "../engine/engine.ts";
import { fromSqlite } from "../engine/errors.ts";
import { lazily } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import { type MessageStatements, messageStatements } from "../history/message-rows.ts";
import type { Usage } from "../limits/usage.ts";
import { clients, messages, sessions, turns } from "../schema/schema.ts";
import type { Shrink } from "./shrink.ts";
import { snapshotPieces, whileTaken } from "./snapshot.ts";
import { statePut } from "./state-rows.ts";

const { placeholder } = sql;

interface Parts {
  maxMessages: number;
  usage: Usage;
  writes: WriteAccess;
  shrink: Shrink;
}

/** `openReader` opens a connection for a snapshot; undefined in memory, where there is only one. */
export function sqliteTransferStore(
  engine: Engine,
  sqlite: Sqlite,
  openReader: (() => Sqlite) | undefined,
  parts: Parts,
): TransferStore {
  const { writes, shrink } = parts;
  const rows = new ImportRows(engine, parts);
  const { q } = rows;

  return {
    async *snapshot(id) {
      const times = engine.times();
      if ((await engine.readDurable(() => q.alive.get({ ...times, id }))) === undefined) return;
      if (openReader === undefined) {
        yield* [...snapshotPieces(sqlite, id, times.now)]; // at once: nothing is written meanwhile
        return;
      }
      const reader = openReader();
      try {
        reader.exec("BEGIN");
        yield* whileTaken(snapshotPieces(reader, id, times.now), () => reader.close());
      } catch (error) {
        throw fromSqlite(error);
      } finally {
        reader.close();
      }
    },

    async restore(session, pages, maxSessions, copied) {
      const { id } = session;
      const written = { messages: 0, stateKeys: 0 };
      let [last, begun] = [0, false];
      let named = true;
      let refused: unknown;
      const store = (page: readonly Content[], isLast: boolean): Promise<boolean> =>
        engine.write(() => {
          try {
            if (copied) writes.read(copied.by, copied.id);
          } catch (error) {
            throw (refused = error);
          }
          if (!begun) rows.begin(session, maxSessions);
          last = rows.write(id, page, last, importLost);
          for (const { type } of page) written[type === "state" ? "stateKeys" : "messages"] += 1;
          if (isLast) named = rows.publish(session, written, maxSessions);
          return isLast;
        });
      if (await engine.readNow(() => shrink.isInTheWay(id))) await shrink.vacate(id);
      try {
        // Write a page when the next one is known: a session of one page takes one commit.
        let page: readonly Content[] = [];
        for await (const next of pages) {
          if (page.length > 0) {
            await store(page, false);
            begun = true;
          }
          page = next;
        }
        await store(page, true);
        return { named };
      } catch (error) {
        if (begun) await shrink.vacate(id).catch(() => undefined); // the next cleanup does it
        const isGone = begun && error instanceof AppError && error.code === "not_found";
        throw isGone && error !== refused ? importLost() : error;
      }
    },

    async extend(id, lastSeq, pages) {
      let last = lastSeq;
      for await (const page of pages) {
        await engine.write(() => {
          const times = engine.times();
          if (q.alive.get({ ...times, id }) === undefined) throw deletedMeanwhile();
          if (q.answering.get({ id }) !== undefined) throw beingAnswered();
          last = rows.write(id, page, last, changedMeanwhile);
          q.touch.run({ id, now: times.now });
          engine.cached.sessions.delete(id);
        });
      }
    },

    count: (owner) => engine.readDurable(() => q.count.get({ ...engine.times(), owner })!.n),
  };
}

/** What imports write. To be used inside a write. */
class ImportRows {
  readonly q: ReturnType<typeof statements>;
  readonly #engine: Engine;
  readonly #parts: Parts;
  readonly #rows: MessageStatements;

  constructor(engine: Engine, parts: Parts) {
    this.#engine = engine;
    this.#parts = parts;
    this.#rows = messageStatements(engine, parts.maxMessages, parts.usage);
    this.q = statements(engine);
  }

  /**
   * `lastSeq`: the last number before this page; resolves to the last number of the page. `mismatch`: the error for a session
   * other than the expected one.
   */
  write(id: string, page: readonly Content[], lastSeq: number, mismatch: () => AppError): number {
    let last = lastSeq;
    if (this.#rows.gaps.numbers(id).lastSeq !== last) throw mismatch();
    for (const piece of page) {
      if (piece.type === "state") {
        this.q.put.run({ sessionId: id, ...piece.entry });
        this.#parts.usage.checkState(id);
        continue;
      }
      const { message } = piece;
      if (message.seq <= last) {
        if (this.q.setStatus.run({ id, ...message }).changes !== 1) throw mismatch();
        continue;
      }
      const missing = message.seq - last - 1;
      if (missing > 0) this.#rows.gaps.add(id, { missing, lastSeq: message.seq - 1 });
      last = this.#rows.add(id, message).seq;
    }
    return last;
  }

  /** Inside a write. */
  begin(session: SessionRecord, maxSessions: number): void {
    const { id, owner, title, system, createdAt } = session;
    const times = this.#engine.times();
    if (this.q.alive.get({ ...times, id }) ?? this.q.othersClient.get({ id, owner }))
      throw idTaken();
    this.#parts.shrink.remove(id, { whole: true }); // what is left under this id has expired
    if (this.#countOf(owner, maxSessions) >= maxSessions) throw ownerHasTooMany(maxSessions);
    const hidden = { name: null, pinned: false, lastActiveAt: HIDDEN };
    this.#engine.db
      .insert(sessions)
      .values({ ...hidden, id, owner, title, system, createdAt })
      .run();
  }

  /** `written`: the counts of this import. True if the session could keep its name. */
  publish(
    session: SessionRecord,
    written: { messages: number; stateKeys: number },
    maxSessions: number,
  ): boolean {
    const { id, owner, pinned, lastActiveAt } = session;
    const found = this.q.content.get({ id });
    if (found?.messages !== written.messages || found.stateKeys !== written.stateKeys)
      throw importLost();
    const taken =
      session.name === null
        ? undefined
        : this.q.ofName.get({ ...this.#engine.times(), owner, name: session.name });
    if (taken?.alive === 0) this.#parts.shrink.remove(taken.id);
    const named = session.name === null || !taken?.alive;
    const name = named ? session.name : null;
    if (this.q.publish.run({ id, name, pinned: pinned ? 1 : 0, lastActiveAt }).changes !== 1)
      throw importLost();
    this.#engine.cached.sessions.clear();
    // Other rows may have come in meanwhile.
    if (this.#countOf(owner, maxSessions) > maxSessions) throw ownerHasTooMany(maxSessions);
    return named;
  }

  /** The number of the owner's sessions; 0 without a limit, because counting takes long. */
  #countOf(owner: string, maxSessions: number): number {
    return maxSessions === Infinity ? 0 : this.q.count.get({ ...this.#engine.times(), owner })!.n;
  }
}

function statements(engine: Engine) {
  const { db } = engine;
  const byId = eq(sessions.id, placeholder("id"));
  const owned = eq(sessions.owner, placeholder("owner"));
  const ofSession = eq(messages.sessionId, placeholder("id"));
  return lazily({
    alive: () => db.select().from(sessions).where(and(byId, sessionAlive)).prepare(),
    ofName: () =>
      db
        .select({ id: sessions.id, alive: sql<number>`${sessionAlive}` })
        .from(sessions)
        .where(and(owned, eq(sessions.name, placeholder("name"))))
        .prepare(),
    count: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(sessions)
        .where(and(owned, sessionAlive))
        .prepare(),
    othersClient: () =>
      db
        .select({ id: clients.id })
        .from(clients)
        .where(
          and(eq(clients.id, placeholder("id")), sql`${clients.owner} <> ${placeholder("owner")}`),
        )
        .prepare(),
    answering: () =>
      db
        .select({ id: turns.sessionId })
        .from(turns)
        .where(eq(turns.sessionId, placeholder("id")))
        .prepare(),
    publish: () =>
      db
        .update(sessions)
        .set({
          name: sql`${placeholder("name")}`,
          pinned: sql`${placeholder("pinned")}`,
          lastActiveAt: sql`${placeholder("lastActiveAt")}`,
        })
        .where(and(byId, eq(sessions.lastActiveAt, HIDDEN)))
        .prepare(),
    touch: () =>
      db
        .update(sessions)
        .set({ lastActiveAt: sql`max(${sessions.lastActiveAt}, ${placeholder("now")})` })
        .where(byId)
        .prepare(),
    content: () =>
      db
        .select({
          messages: sql<number>`(select count(*) from messages where session_id = sessions.id)`,
          stateKeys: sql<number>`(select count(*) from session_state where session_id = sessions.id)`,
        })
        .from(sessions)
        .where(byId)
        .prepare(),
    put: () => statePut(engine),
    setStatus: () =>
      db
        .update(messages)
        .set({ status: sql`${placeholder("status")}` })
        .where(
          and(
            ofSession,
            eq(messages.seq, placeholder("seq")),
            uncleared(placeholder("id")),
            eq(messages.role, placeholder("role")),
            eq(messages.content, placeholder("content")),
          ),
        )
        .prepare(),
  });
}

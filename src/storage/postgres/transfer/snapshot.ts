// A snapshot of one session, in pages: at one moment, however long its reader takes.
import { and, asc, eq, getTableColumns, gt, sql } from "drizzle-orm";
import type { Message } from "../../../chat/message.ts";
import type { StateEntry } from "../../../state/store.ts";
import type { ContentCounts, TransferRecord } from "../../../transfer/store.ts";
import { sessionAlive } from "../../shared/expiry.ts";
import { uncleared } from "../../shared/messages.ts";
import { MAX_IDLE_MS, notTaken } from "../../shared/transfer.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { lastSeqOf } from "../history/history-gaps.ts";
import { messageColumns } from "../history/message-rows.ts";
import { messages, sessions, sessionState } from "../schema/schema.ts";
import { stateColumns } from "../sessions/state-rows.ts";

const { placeholder } = sql;

/** Rows of one page. */
const ROWS = 100;

export function sessionSnapshots(engine: Engine) {
  const q = statementsOf(engine);

  /** `read` runs a query in the snapshot. */
  async function* pieces(
    id: string,
    read: <T>(query: () => Promise<T>) => Promise<T>,
  ): AsyncGenerator<TransferRecord> {
    const times = engine.times();
    const row = await read(() => q.session.get({ ...times, id }));
    if (row === undefined) return;
    const { messages, stateKeys, lastSeq, ...session } = row;
    yield { type: "session", session, counts: { messages, stateKeys }, lastSeq };
    for (let after: string | null = null; ;) {
      const from = { id, after, now: times.now };
      const page: StateEntry[] = await read(() => q.state.all(from));
      for (const entry of page) yield { type: "state", entry };
      if (page.length < ROWS) break;
      after = page.at(-1)!.key;
    }
    for (let after = 0; ;) {
      const from = { id, after };
      const page: Message[] = await read(() => q.messages.all(from));
      for (const message of page) yield { type: "message", message };
      if (page.length < ROWS) break;
      after = page.at(-1)!.seq;
    }
  }

  /** A session of one page, through the pool: a connection of its own takes longer than all of its rows. Undefined for others. */
  const short = (id: string): Promise<TransferRecord[] | undefined> =>
    engine.snapshot(async () => {
      const found: TransferRecord[] = [];
      for await (const piece of pieces(id, (query) => query())) {
        if (piece.type === "session" && sizeOf(piece.counts) >= ROWS) return undefined;
        found.push(piece);
      }
      return found;
    });

  /** @throws AppError `busy` when the reader takes nothing for a minute */
  return async function* (id: string): AsyncGenerator<TransferRecord> {
    const whole = await short(id);
    if (whole !== undefined) return yield* whole;
    const snapshot = await engine.openSnapshot();
    let isOver = false;
    const idle = setTimeout(() => {
      isOver = true;
      void snapshot.close();
    }, MAX_IDLE_MS).unref();
    try {
      for await (const piece of pieces(id, snapshot.read)) {
        idle.refresh();
        yield piece;
        if (isOver) throw notTaken();
        idle.refresh();
      }
    } finally {
      clearTimeout(idle);
      await snapshot.close();
    }
  };
}

const sizeOf = ({ messages, stateKeys }: ContentCounts): number => messages + stateKeys;

function statementsOf({ db }: Engine) {
  const id = placeholder("id");
  const living = sql`(session_state.expires_at is null or session_state.expires_at > ${placeholder("now")})`;
  return prepared({
    session: () =>
      db
        .select({
          ...getTableColumns(sessions),
          messages: sql<number>`(select count(*) from messages
            where messages.session_id = sessions.id and ${uncleared(sql`sessions.id`)})`,
          lastSeq: lastSeqOf(sql`sessions.id`),
          stateKeys: sql<number>`(select count(*) from session_state where session_state.session_id = sessions.id and ${living})`,
        })
        .from(sessions)
        .where(and(eq(sessions.id, id), sessionAlive)),
    state: () =>
      db
        .select(stateColumns)
        .from(sessionState)
        .where(
          and(
            eq(sessionState.sessionId, id),
            living,
            sql`(${placeholder("after")}::text is null or ${sessionState.key} > ${placeholder("after")})`,
          ),
        )
        .orderBy(asc(sessionState.key))
        .limit(ROWS),
    messages: () =>
      db
        .select(messageColumns)
        .from(messages)
        .where(
          and(eq(messages.sessionId, id), gt(messages.seq, placeholder("after")), uncleared(id)),
        )
        .orderBy(asc(messages.seq))
        .limit(ROWS),
  });
}

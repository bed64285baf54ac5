// A snapshot of one session, row by row, as the connection sees it: within a transaction, at one moment.
import type { Message } from "../../../chat/message.ts";
import type { Session } from "../../../sessions/session.ts";
import type { StateEntry } from "../../../state/store.ts";
import type { ContentCounts, TransferRecord } from "../../../transfer/store.ts";
import { MAX_IDLE_MS, notTaken } from "../../shared/transfer.ts";
import type { Sqlite } from "../engine/connection.ts";

type SessionRow = Omit<Session, "pinned"> & { pinned: 0 | 1 } & ContentCounts & { lastSeq: number };

const LIVING = "(expires_at IS NULL OR expires_at > @now)";

const UNCLEARED = `seq > coalesce((SELECT cleared_seq FROM history_gaps WHERE session_id = @id), 0)`;

const SESSION = `SELECT id, owner, name, title, system, pinned,
  created_at AS createdAt, last_active_at AS lastActiveAt, keep_ms AS keepMs, opened_by AS openedBy,
  (SELECT count(*) FROM messages WHERE session_id = @id AND ${UNCLEARED}) AS messages,
  max(coalesce((SELECT max(seq) FROM messages WHERE session_id = @id), 0),
    coalesce((SELECT last_seq FROM history_gaps WHERE session_id = @id), 0)) AS lastSeq,
  (SELECT count(*) FROM session_state WHERE session_id = @id AND ${LIVING}) AS stateKeys
  FROM sessions WHERE id = @id`;

const STATE = `SELECT key, value, version, updated_at AS updatedAt, expires_at AS expiresAt
  FROM session_state WHERE session_id = @id AND ${LIVING} ORDER BY key`;

const MESSAGES = `SELECT seq, role, content, status, model, input_tokens AS inputTokens,
  output_tokens AS outputTokens, request_key AS requestKey, created_at AS createdAt, author
  FROM messages WHERE session_id = @id AND ${UNCLEARED} ORDER BY seq`;

/** Occupies the connection until the last piece is taken, or the generator is left. */
export function* snapshotPieces(
  sqlite: Sqlite,
  id: string,
  now: number,
): Generator<TransferRecord> {
  const row = sqlite.prepare<[object], SessionRow>(SESSION).get({ id, now });
  if (row === undefined) return;
  const { messages, stateKeys, lastSeq, pinned, ...session } = row;
  yield {
    type: "session",
    session: { ...session, pinned: pinned === 1 },
    ...{ counts: { messages, stateKeys }, lastSeq },
  };
  for (const entry of sqlite.prepare<[object], StateEntry>(STATE).iterate({ id, now }))
    yield { type: "state", entry };
  for (const message of sqlite.prepare<[object], Message>(MESSAGES).iterate({ id }))
    yield { type: "message", message };
}

const CHECK_MS = 5_000;

/**
 * Gives up a snapshot whose reader takes nothing for a minute: SQLite cannot fold in its log meanwhile, which grows with
 * every write. `letGo` ends the transaction.
 * @throws AppError `busy`
 */
export function* whileTaken<T>(pieces: Generator<T>, letGo: () => void): Generator<T> {
  let takenAt = performance.now();
  let isOver = false;
  const watching = setInterval(() => {
    if (performance.now() - takenAt < MAX_IDLE_MS) return;
    isOver = true;
    clearInterval(watching);
    pieces.return(undefined);
    letGo();
  }, CHECK_MS).unref();
  try {
    for (const piece of pieces) {
      yield piece;
      if (isOver) throw notTaken();
      takenAt = performance.now();
    }
  } finally {
    clearInterval(watching);
  }
}

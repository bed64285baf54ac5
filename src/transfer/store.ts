// The port for reading and writing whole sessions.
import type { Principal } from "../auth/principal.ts";
import type { Message } from "../chat/message.ts";
import type { Session } from "../sessions/session.ts";
import type { StateEntry } from "../state/store.ts";

/** Numbers of rows in a session. */
export interface ContentCounts {
  stateKeys: number;
  messages: number;
}

/**
 * One record of a session's content. State keys come before messages, keys and numbers ascend; deleted messages leave
 * gaps.
 */
export type Content = { type: "state"; entry: StateEntry } | { type: "message"; message: Message };

/** A session in a transfer. It is permanent, even if it was temporary where it was exported. */
export type SessionRecord = Omit<Session, "access" | "keepMs" | "openedBy">;

export interface SessionHeader {
  type: "session";
  session: Session;
  counts: ContentCounts;
  /** The last message number that was given out; above the number of messages when some were deleted. */
  lastSeq: number;
}

export type TransferRecord = SessionHeader | Content;

export interface TransferStore {
  /**
   * The session at one moment, regardless of later writes; empty for an unknown session.
   * @throws AppError `busy` when the reader pauses for a minute
   */
  snapshot(id: string): AsyncIterable<TransferRecord>;
  /**
   * Makes a session with all its content. The session is invisible until it is complete. The part that a killed
   * process leaves counts as expired and goes at the next cleanup. A name that the owner already uses is dropped;
   * `named` says so. `copied` is the session that the content comes from, with the principal that must keep the right
   * to read it up to the last page.
   * @throws AppError `conflict` when the id is taken, `limit` when the owner has `maxSessions` already (`Infinity`
   * counts nothing), `busy` when a
   * cleanup deleted the unfinished session, `not_found` or `forbidden` when the right to read `copied` has ended
   */
  restore(
    session: SessionRecord,
    pages: AsyncIterable<Content[]>,
    maxSessions: number,
    copied?: { id: string; by: Principal },
  ): Promise<{ named: boolean }>;
  /**
   * Adds messages and sets state keys, each page in one commit. A message that exists already takes the given status.
   * `lastSeq` is the session's last message number so far.
   * @throws AppError `conflict` when that number or an existing message differs; `busy` while a question is being
   * answered; `not_found`
   */
  extend(id: string, lastSeq: number, pages: AsyncIterable<Content[]>): Promise<void>;
  /** The number of the owner's sessions. */
  count(owner: string): Promise<number>;
}

// The port through which whole sessions leave and come in.
import type { Principal } from "../auth/principal.ts";
import type { Message } from "../chat/message.ts";
import type { Session } from "../sessions/session.ts";
import type { StateEntry } from "../state/store.ts";

/** How much a session holds. */
export interface ContentCounts {
  stateKeys: number;
  messages: number;
}

/** What a session holds. State keys come before messages, keys and numbers ascend; deleted messages leave gaps. */
export type Content = { type: "state"; entry: StateEntry } | { type: "message"; message: Message };

/** A session as it comes in: for good, also one that was temporary where it comes from. */
export type SessionRecord = Omit<Session, "access" | "keepMs" | "openedBy">;

export interface SessionHeader {
  type: "session";
  session: Session;
  counts: ContentCounts;
  /** The last number that a message has or had: above the count of messages where some were deleted. */
  lastSeq: number;
}

export type TransferRecord = SessionHeader | Content;

export interface TransferStore {
  /**
   * The session as it is at one moment, whatever is written meanwhile; nothing for one that is not there.
   * @throws AppError `busy` when it is not read on for a minute
   */
  snapshot(id: string): AsyncIterable<TransferRecord>;
  /**
   * Makes a session with all that it holds. Until it is whole nobody sees it; what a killed process leaves of it has
   * expired and goes at the next cleanup. A name that the owner uses already is left out: `named` tells. `copied`: the
   * session that its content is read from, and by whom: they may read it up to the last page.
   * @throws AppError `conflict` when the id is taken, `limit` when the owner has `maxSessions` already, `busy` when a
   *   cleanup took away what was there so far, `not_found` or `forbidden` when the right to read `copied` has ended
   */
  restore(
    session: SessionRecord,
    pages: AsyncIterable<Content[]>,
    maxSessions: number,
    copied?: { id: string; by: Principal },
  ): Promise<{ named: boolean }>;
  /**
   * Adds messages and sets state keys, each page in one commit. A message that is there already takes the given status.
   * `lastSeq`: the last number that was given in the session so far.
   * @throws AppError `conflict` when it is another one, or a message is another than the one that is there; `busy` while
   *   a question is being answered; `not_found`
   */
  extend(id: string, lastSeq: number, pages: AsyncIterable<Content[]>): Promise<void>;
  /** How many sessions the owner has. */
  count(owner: string): Promise<number>;
}

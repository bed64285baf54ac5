// Copies of conversations up to some message. A fork is written like an import: in pages, and invisible until
// complete.
import type { Audit } from "../auth/audit.ts";
import type { Principal } from "../auth/principal.ts";
import type { Clock } from "../lib/clock.ts";
import { AppError, toAppError } from "../lib/errors.ts";
import { newId } from "../lib/ids.ts";
import { isTrue } from "../lib/is-true.ts";
import { shortened } from "../lib/text/text.ts";
import type { SessionAccessControl } from "../sessions/access.ts";
import type { Session } from "../sessions/session.ts";
import { MAX_TITLE_BYTES } from "../sessions/texts.ts";
import { inPages } from "./pages.ts";
import type { Content, SessionRecord, TransferRecord, TransferStore } from "./store.ts";

const FORK = " (fork)";
/** Maximum number of one principal's forks at a time, including the running one. */
const MAX_WAITING = 5;
/** Attempts per fork. A cleanup may delete an unfinished copy; hardly ever twice. */
const ATTEMPTS = 3;

interface Which {
  upto: number;
  /** The copy's id. */
  id: string;
}

export interface ForkOptions {
  store: TransferStore;
  access: SessionAccessControl;
  audit: Audit;
  clock: Clock;
  /** Maximum number of sessions per principal. */
  maxSessions: number;
}

export class Forks {
  readonly #parts: ForkOptions;
  /** The last waiting or running fork of each principal, and the number of its forks. */
  readonly #last = new Map<string, { done: Promise<void>; waiting: number }>();

  constructor(parts: ForkOptions) {
    this.#parts = parts;
  }

  /**
   * Makes a new session with this session's state and its messages up to number `upto`, or all. Request keys are not
   * copied, because their calls ran in the other session. `id` is the new session's id; if the principal already has
   * such a session, that session is the result.
   * @throws AppError `invalid` for an unknown message number, `limit` for one session too many, `forbidden`
   */
  async fork(
    principal: Principal,
    source: Session,
    { upto = Infinity, id = newId() }: { upto?: number | undefined; id?: string | undefined } = {},
  ): Promise<Pick<Session, "id" | "title">> {
    const { access } = this.#parts;
    access.canCreate(principal);
    const leave = await this.#enter(principal.id);
    try {
      const made = await access.canAccess(principal, id);
      if (made?.owner === principal.id) return made;
      return await this.#fork(principal, source, { upto, id });
    } finally {
      leave();
    }
  }

  /** Runs a principal's forks one at a time: each reads and writes a whole session. @throws AppError `busy` */
  async #enter(principal: string): Promise<() => void> {
    const before = this.#last.get(principal);
    if (before !== undefined && before.waiting >= MAX_WAITING)
      throw new AppError("busy", `${MAX_WAITING} forks of yours are under way already.`, {
        hint: "Try again in a moment.",
      });
    const { promise, resolve } = Promise.withResolvers<void>();
    const mine = { done: promise, waiting: (before?.waiting ?? 0) + 1 };
    this.#last.set(principal, mine);
    await before?.done;
    return () => {
      const last = this.#last.get(principal)!;
      last.waiting -= 1;
      if (last === mine) this.#last.delete(principal);
      resolve();
    };
  }

  async #fork(principal: Principal, source: Session, which: Which): Promise<SessionRecord> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#copy(principal, source, which);
      } catch (error) {
        if (toAppError(error).code !== "busy" || attempt === ATTEMPTS) throw error;
      }
    }
  }

  async #copy(principal: Principal, source: Session, { upto, id }: Which): Promise<SessionRecord> {
    const { store, audit, clock, maxSessions } = this.#parts;
    const pieces = store.snapshot(source.id)[Symbol.asyncIterator]();
    const first = await pieces.next();
    if (first.done || first.value.type !== "session")
      throw new AppError("not_found", "That session was deleted meanwhile.");
    const { lastSeq } = first.value;
    if (upto !== Infinity && upto > lastSeq) {
      await pieces.return?.(undefined);
      throw new AppError("invalid", `upto: the last message is #${lastSeq}.`);
    }
    const now = clock.now();
    const copy: SessionRecord = {
      ...{ id, owner: principal.id, name: null, pinned: false, system: source.system },
      title: forkTitle(source.title ?? source.name ?? "Untitled"),
      ...{ createdAt: now, lastActiveAt: now },
    };
    const content = inPages(upToMessage(pieces, upto));
    const from = { id: source.id, by: principal };
    await audit.noteWith(
      principal,
      "session created",
      id,
      () => store.restore(copy, content, maxSessions, from),
      { done: isTrue, detail: () => `forked from ${source.id}` },
    );
    return copy;
  }
}

/** The title of a copy; the fork of a fork gets the suffix once. */
const forkTitle = (title: string): string =>
  `${shortened(title.replace(/ \(fork\)$/, ""), MAX_TITLE_BYTES - FORK.length)}${FORK}`;

async function* upToMessage(
  pieces: AsyncIterator<TransferRecord>,
  upto: number,
): AsyncGenerator<Content> {
  try {
    for (;;) {
      const next = await pieces.next();
      if (next.done === true) return;
      const piece = next.value;
      if (piece.type === "message" && piece.message.seq > upto) return;
      if (piece.type === "state") yield piece;
      if (piece.type !== "message") continue;
      const { message } = piece;
      // Interrupt a pending question: no turn answers it in the copy.
      const status = message.status === "pending" ? "interrupted" : message.status;
      yield { type: "message", message: { ...message, status, requestKey: null } };
    }
  } finally {
    await pieces.return?.(undefined);
  }
}

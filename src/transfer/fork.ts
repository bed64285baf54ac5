// A copy of a conversation that goes its own way from some message on. It is written like an import: piece by piece,
// and nobody sees it before it is whole.
import type { Principal } from "../auth/principal.ts";
import type { Clock } from "../lib/clock.ts";
import { AppError, toAppError } from "../lib/errors.ts";
import { newId } from "../lib/ids.ts";
import { shortened } from "../lib/text/text.ts";
import type { SessionAccessControl } from "../sessions/access.ts";
import type { Audit } from "../auth/audit.ts";
import type { Session } from "../sessions/session.ts";
import { MAX_TITLE_BYTES } from "../sessions/sessions.ts";
import { inPages } from "./pages.ts";
import type { SessionRecord, Content, TransferRecord, TransferStore } from "./store.ts";

const FORK = " (fork)";
/** Forks of one principal, with the one that runs. */
const MAX_WAITING = 5;
/** A cleanup may come in between; hardly ever twice. */
const ATTEMPTS = 3;

interface Which {
  upto: number;
  /** Of the copy. */
  id: string;
}

export interface ForkOptions {
  store: TransferStore;
  access: SessionAccessControl;
  audit: Audit;
  clock: Clock;
  /** Of one principal. */
  maxSessions: number;
}

export class Forks {
  readonly #parts: ForkOptions;
  /** By principal: the last fork that waits or runs, and how many do. */
  readonly #last = new Map<string, { done: Promise<void>; waiting: number }>();

  constructor(parts: ForkOptions) {
    this.#parts = parts;
  }

  /**
   * A new session of the principal with the state of this one and its messages up to number `upto`, or all. Request
   * keys stay behind: they stand for what was done in the other one. `id`: of the new session; where the principal has one
   * of that id already, that is the copy.
   * @throws AppError `invalid` when there is no such message, `limit` for one session too many, `forbidden`
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

  /** One fork of a principal at a time: each reads and writes as much as it copies. @throws AppError `busy` */
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
      { done: (isLast) => isLast === true, detail: () => `forked from ${source.id}` },
    );
    return copy;
  }
}

/** A fork of a fork is a fork. */
const forkTitle = (title: string): string =>
  `${shortened(title.replace(/ \(fork\)$/, ""), MAX_TITLE_BYTES - FORK.length)}${FORK}`;

async function* upToMessage(
  pieces: AsyncIterator<TransferRecord>,
  upto: number,
): AsyncGenerator<Content> {
  try {
    for (;;) {
      const { value: piece, done } = await pieces.next();
      if (done || (piece.type === "message" && piece.message.seq > upto)) return;
      if (piece.type === "state") yield piece;
      if (piece.type !== "message") continue;
      const { message } = piece;
      // Nobody is answering it in the copy.
      const status = message.status === "pending" ? "interrupted" : message.status;
      yield { type: "message", message: { ...message, status, requestKey: null } };
    }
  } finally {
    await pieces.return?.(undefined);
  }
}

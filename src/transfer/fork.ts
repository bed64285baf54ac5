// A copy of a conversation that goes its own way from some message on. It is written like an import: piece by piece,
// and nobody sees it before it is whole.
import type { Principal } from "../auth/principal.ts";
import type { Clock } from "../kernel/clock.ts";
import { AppError } from "../kernel/errors.ts";
import { newId } from "../kernel/ids.ts";
import type { SessionAccessControl } from "../sessions/access.ts";
import type { Audit } from "../sessions/audit.ts";
import type { Session } from "../sessions/session.ts";
import { inPages } from "./pages.ts";
import type { Carried, Content, Piece, TransferStore } from "./store.ts";

export interface ForkParts {
  store: TransferStore;
  access: SessionAccessControl;
  audit: Audit;
  clock: Clock;
  /** Of one principal. */
  maxSessions: number;
}

export class Forks {
  readonly #parts: ForkParts;

  constructor(parts: ForkParts) {
    this.#parts = parts;
  }

  /**
   * A new session of the principal with the state of this one and its messages up to number `upto`, or all. `id`: for
   * the new session. Its request keys stay behind: they stand for what was done in the other one.
   * @throws AppError `invalid` when there is no such message, `limit` for one session too many, `forbidden`
   */
  async fork(
    principal: Principal,
    source: Session,
    { upto = Infinity, id = newId() }: { upto?: number | undefined; id?: string | undefined } = {},
  ): Promise<Carried> {
    const { store, access, audit, clock, maxSessions } = this.#parts;
    access.canCreate(principal);
    const pieces = store.snapshot(source.id)[Symbol.asyncIterator]();
    const first = await pieces.next();
    if (first.done || first.value.type !== "session")
      throw new AppError("not_found", "That session was deleted meanwhile.");
    const { messages } = first.value.counts;
    if (upto !== Infinity && upto > messages) {
      await pieces.return?.(undefined);
      throw new AppError("invalid", `upto: the last message is #${messages}.`);
    }
    const now = clock.now();
    const copy: Carried = {
      ...{ id, owner: principal.id, name: null, pinned: false, system: source.system },
      title: `${source.title ?? source.name ?? "Untitled"} (fork)`,
      ...{ createdAt: now, lastActiveAt: now },
    };
    await store.restore(copy, inPages(upToMessage(pieces, upto)), maxSessions);
    await audit.note(principal, "session created", id, `forked from ${source.id}`);
    return copy;
  }
}

async function* upToMessage(pieces: AsyncIterator<Piece>, upto: number): AsyncGenerator<Content> {
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

// Sessions of all principals, for the operator at the machine. Reading a session does not count as activity.
import { LOCAL, type Principal } from "../auth/principal.ts";
import { AppError } from "../lib/errors.ts";
import { isId } from "../lib/ids.ts";
import { isTrue } from "../lib/is-true.ts";
import type { Session } from "./session.ts";
import type { Sessions } from "./sessions.ts";
import type { Clearable, Grant, SessionChanges, SessionPage, SessionStore } from "./store.ts";

const OPERATOR: Principal = Object.freeze({ id: LOCAL.id, scope: "admin" });

const BEGINNING = /^[0-9a-f]{8}[0-9a-f-]*$/;
const PAGE = 500;

export interface OperatorParts {
  store: SessionStore;
  sessions: Sessions;
  /** Runs a change and notifies the sessions' subscribers: see UpdateNotifier.notifyWith. */
  notifyWith: NotifyWith;
}

export type NotifyWith = <T>(
  sessions: readonly Pick<Session, "id" | "owner">[],
  act: () => Promise<T>,
  tells?: (result: unknown) => boolean,
) => Promise<T>;

/** The session with the operator's access, which is the owner's. */
const owned = (session: Session): Session => ({ ...session, access: "own" });

export class Operator {
  readonly #parts: OperatorParts;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
  }

  /** A principal's sessions with those shared with it; all sessions without a principal. */
  list(
    principal: string | undefined,
    options: { query?: string | undefined; limit: number; cursor?: string | undefined },
  ): Promise<SessionPage> {
    const { query, limit, cursor } = options;
    return this.#parts.store.list(principal, {
      limit,
      ...(query !== undefined && { query }),
      ...(cursor !== undefined && { cursor }),
    });
  }

  /** All sessions of `list`, read page by page. */
  async *all(principal?: string): AsyncGenerator<Session> {
    let cursor: string | undefined;
    do {
      const page = await this.list(principal, { limit: PAGE, cursor });
      yield* page.sessions;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }

  /** Finds any session by its id, the principal's session by its name, or a session by a unique beginning of its id. */
  async find(text: string, principal: string): Promise<Session | undefined> {
    const { store } = this.#parts;
    const byId = isId(text) ? await store.findById(text) : undefined;
    return byId ?? (await store.findByName(principal, text)) ?? this.#byBeginning(text);
  }

  /** Finds a session by the beginning of its id, which short lists show. @throws AppError `conflict` */
  async #byBeginning(text: string): Promise<Session | undefined> {
    if (!BEGINNING.test(text)) return undefined;
    const found: Session[] = [];
    for await (const session of this.all()) if (session.id.startsWith(text)) found.push(session);
    if (found.length > 1)
      throw new AppError("conflict", `Several sessions have an id that begins with ${text}.`, {
        hint: "More of the id tells them apart.",
      });
    return found[0];
  }

  /** All sessions that a principal owns, shared or not. */
  async allOf(owner: string): Promise<Session[]> {
    const found: Session[] = [];
    for await (const session of this.all(owner)) if (session.owner === owner) found.push(session);
    return found;
  }

  /** @throws AppError `conflict` for a name that is taken */
  update(session: Session, changes: SessionChanges): Promise<Session> {
    const { sessions, notifyWith } = this.#parts;
    return notifyWith([session], () => sessions.update(OPERATOR, session, changes));
  }

  clear(session: Session, what: Clearable): Promise<void> {
    const { sessions, notifyWith } = this.#parts;
    return notifyWith([session], () => sessions.clear(OPERATOR, session, what), isTrue);
  }

  /** Returns the numbers of the deleted messages. @throws AppError `busy` */
  deleteMessages(session: Session, seqs: readonly number[]): Promise<number[]> {
    const { sessions, notifyWith } = this.#parts;
    return notifyWith(
      [session],
      () => sessions.deleteMessages(OPERATOR, session, seqs),
      (deleted) => Array.isArray(deleted) && deleted.length > 0,
    );
  }

  /** Shares without an offer, as the operator decides for both sides. @throws AppError `invalid` or `limit` */
  async share(session: Session, grant: Grant): Promise<void> {
    const { sessions, notifyWith } = this.#parts;
    await notifyWith([{ id: session.id, owner: grant.principal }], () =>
      sessions.shares.share(OPERATOR, owned(session), grant, { accepted: true }),
    );
  }

  /** Returns true if the session was shared with that principal. */
  unshare(session: Session, other: string): Promise<boolean> {
    const { sessions, notifyWith } = this.#parts;
    return notifyWith(
      [{ id: session.id, owner: other }],
      () => sessions.shares.unshare(OPERATOR, owned(session), other),
      isTrue,
    );
  }

  /** Gives the session to another principal; `named` is true if it kept its name. @throws AppError `limit` */
  give(session: Session, to: string): Promise<{ session: Session; named: boolean }> {
    const { sessions, notifyWith } = this.#parts;
    return notifyWith([session, { id: session.id, owner: to }], () =>
      sessions.give(OPERATOR, owned(session), to),
    );
  }

  delete(session: Session): Promise<void> {
    const { sessions, notifyWith } = this.#parts;
    return notifyWith([session], () => sessions.delete(OPERATOR, owned(session)), isTrue);
  }
}

// The caller's sessions, as tools see them: nobody else's are reachable from here.
import type { Hit } from "../../chat/history-search.ts";
import { CurrentSession } from "../../clients/session-resolver.ts";
import type { Caller, Session, SessionCounts } from "../../sessions/session.ts";
import type { Lifetime, NewSession } from "../../sessions/sessions.ts";
import type { Offer, SessionPage } from "../../sessions/store.ts";
import { SESSIONS_URI, sessionUri } from "../../sessions/uris.ts";
import { changeOf, SessionHandle, type SessionServices } from "./session-handle.ts";

export class OwnSessions {
  readonly #services: SessionServices;
  readonly #caller: Caller;

  constructor(services: SessionServices, caller: Caller) {
    this.#services = services;
    this.#caller = caller;
  }

  /** A new session, or the living one of that name. */
  async open(
    options: Omit<NewSession, "openedBy"> = {},
  ): Promise<{ session: Session; created: boolean }> {
    const { sessions, updates: announcer } = this.#services;
    const opened = await sessions.open(this.#caller.principal, {
      ...options,
      openedBy: this.#caller.client?.id,
    });
    if (opened.created) await announcer.notify(changeOf(this.#caller), [SESSIONS_URI]);
    return opened;
  }

  /** Newest activity first. */
  list(options: { query?: string; limit: number; cursor?: string }): Promise<SessionPage> {
    return this.#services.sessions.list(this.#caller.principal, options);
  }

  /** The messages that say it best, of all that the caller owns or was given. @throws AppError `invalid`, `limit` */
  search(query: string, limit: number): Promise<Hit[]> {
    const principal = this.#caller.principal.id;
    return this.#services.search.search({ principal }, query, limit);
  }

  /** One of them, or of those shared with the caller; undefined for any other. */
  async find(id: string): Promise<SessionHandle | undefined> {
    const session = await this.#services.sessions.find(this.#caller.principal, { id });
    return session && new SessionHandle(this.#services, CurrentSession.of(session), this.#caller);
  }

  /** What others have offered to share, the oldest first. */
  offers(): Promise<Offer[]> {
    return this.#services.sessions.offers(this.#caller.principal);
  }

  /** @throws AppError `not_found`, `forbidden` or `limit` */
  async accept(id: string): Promise<Offer> {
    const offer = await this.#services.sessions.accept(this.#caller.principal, id);
    await this.#listChanged(id);
    return offer;
  }

  /** Resolves to whether there was a share of it. @throws AppError `forbidden` */
  async leave(id: string): Promise<boolean> {
    const left = await this.#services.sessions.leave(this.#caller.principal, id);
    if (left) await this.#listChanged(id);
    return left;
  }

  async #listChanged(id: string): Promise<void> {
    const { updates: announcer } = this.#services;
    const news = changeOf(this.#caller);
    await announcer.notifyUnder(news, sessionUri(id));
    await announcer.notify(news, [sessionUri(id), SESSIONS_URI]);
  }

  /** Whose they are. */
  get principal(): string {
    return this.#caller.principal.id;
  }

  /** Whose a session is that was found for the caller, and what the caller may do with it. */
  async standing(id: string): Promise<Pick<Session, "owner" | "access"> | undefined> {
    return this.#services.sessions.look(this.#caller.principal, id);
  }

  counts({ id }: Pick<Session, "id">): Promise<SessionCounts> {
    return this.#services.sessions.counts(id);
  }

  /** When a session will be deleted if nobody uses it again, in milliseconds; null for never. */
  expiresAt(session: Lifetime): number | null {
    return this.#services.sessions.expiresAt(session);
  }
}

// The caller's sessions, as tools see them: nobody else's are reachable from here.
import type { Hit } from "../../chat/history-search.ts";
import { CurrentSession } from "../../clients/session-resolver.ts";
import type { Caller, Session, SessionCounts } from "../../sessions/session.ts";
import type { Lifetime, NewSession } from "../../sessions/sessions.ts";
import type { Offer, SessionPage } from "../../sessions/store.ts";
import { SESSIONS_URI, sessionUri } from "../../sessions/uris.ts";
import { isCreated, SessionHandle, type Run, type SessionServices } from "./session-handle.ts";

export class OwnSessions {
  readonly #services: SessionServices;
  readonly #caller: Caller;
  readonly #run: Run;

  constructor(services: SessionServices, run: Run) {
    this.#services = services;
    this.#caller = run.caller;
    this.#run = run;
  }

  /** A new session, or the living one of that name. */
  async open(
    options: Omit<NewSession, "openedBy"> = {},
  ): Promise<{ session: Session; created: boolean }> {
    const { principal, client } = this.#caller;
    const wanted = { id: this.#run.newId(), ...options, openedBy: client?.id };
    const news = [{ owner: principal.id, uris: [SESSIONS_URI] }];
    const open = () => this.#services.sessions.open(principal, wanted);
    return this.#run.change("open", news, open, isCreated);
  }

  /** Newest activity first. */
  async list(options: { query?: string; limit: number; cursor?: string }): Promise<SessionPage> {
    const page = await this.#services.sessions.list(this.#caller.principal, options);
    for (const { id } of page.sessions) this.#caller.onSession?.(id);
    return page;
  }

  /** The messages that say it best, of all that the caller owns or was given. @throws AppError `invalid`, `limit` */
  async search(query: string, limit: number): Promise<Hit[]> {
    const principal = this.#caller.principal.id;
    const hits = await this.#services.search.search({ principal }, query, limit);
    for (const { session } of hits) this.#caller.onSession?.(session);
    return hits;
  }

  /** One of them, or of those shared with the caller; undefined for any other. */
  async find(id: string): Promise<SessionHandle | undefined> {
    const session = await this.#services.sessions.find(this.#caller.principal, { id });
    if (session === undefined) return undefined;
    this.#caller.onSession?.(id);
    return new SessionHandle(this.#services, CurrentSession.of(session), this.#run);
  }

  /** What others have offered to share, the oldest first. */
  offers(): Promise<Offer[]> {
    return this.#services.sessions.offers(this.#caller.principal);
  }

  /** @throws AppError `not_found`, `forbidden` or `limit` */
  async accept(id: string): Promise<Offer> {
    const { principal } = this.#caller;
    return this.#run.change("accept", this.#listNews(id), () =>
      this.#services.sessions.accept(principal, id),
    );
  }

  /** Resolves to whether there was a share of it. @throws AppError `forbidden` */
  async leave(id: string): Promise<boolean> {
    return this.#run.change(
      "leave",
      this.#listNews(id),
      () => this.#services.sessions.leave(this.#caller.principal, id),
      (left) => left === true,
    );
  }

  #listNews(id: string) {
    const uri = sessionUri(id);
    return [{ owner: this.#caller.principal.id, uris: [uri, SESSIONS_URI], under: uri }];
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

// The caller's sessions, in the form that tools use. Other principals' sessions are unreachable from here.
import type { FoundFact, Hit } from "../../chat/history-search.ts";
import type { SearchArguments } from "../../chat/search-query.ts";
import { CurrentSession } from "../../clients/session-resolver.ts";
import { isTrue } from "../../lib/is-true.ts";
import { checkLimit } from "../../lib/page.ts";
import { checkIsText } from "../../lib/text/text.ts";
import type { Caller, Session, SessionCounts } from "../../sessions/session.ts";
import type { Lifetime, NewSession } from "../../sessions/sessions.ts";
import type { Offer, SessionPage } from "../../sessions/store.ts";
import { SESSIONS_URI, sessionUri } from "../../sessions/uris.ts";
import { isCreated, type Run, SessionHandle, type SessionServices } from "./session-handle.ts";
import { FOUND, LISTED } from "./session-parts.ts";

export class OwnSessions {
  readonly #services: SessionServices;
  readonly #caller: Caller;
  readonly #run: Run;

  constructor(services: SessionServices, run: Run) {
    this.#services = services;
    this.#caller = run.caller;
    this.#run = run;
  }

  /** Creates a session, or returns the live session of that name. */
  async open(
    options: Omit<NewSession, "openedBy"> = {},
  ): Promise<{ session: Session; created: boolean }> {
    const { principal, client } = this.#caller;
    const wanted = { id: this.#run.newId(), ...options, openedBy: client?.id };
    const changes = [{ owner: principal.id, uris: [SESSIONS_URI] }];
    const open = () => this.#services.sessions.open(principal, wanted);
    return this.#run.change("open", changes, open, isCreated);
  }

  /** Sessions by activity, newest first. */
  async list(
    options: { query?: string; limit?: number; cursor?: string } = {},
  ): Promise<SessionPage> {
    const { query = "", limit = LISTED } = options;
    checkIsText("query", query);
    checkLimit(limit);
    const page = await this.#services.sessions.list(this.#caller.principal, {
      ...options,
      query,
      limit,
    });
    for (const { id } of page.sessions) this.#caller.onSession?.(id);
    return page;
  }

  /**
   * The best matching messages of all sessions that the caller owns or that were shared with it.
   * @throws AppError `invalid`, `limit`
   */
  async search(
    query: string,
    limit = FOUND,
    more?: SearchArguments,
    onNotice?: (notice: string) => void,
  ): Promise<Hit[]> {
    checkLimit(limit);
    const principal = this.#caller.principal.id;
    const hits = await this.#services.search.search({ principal }, query, limit, more, onNotice);
    for (const { session } of hits) this.#caller.onSession?.(session);
    return hits;
  }

  /** The best matching facts of the states of these sessions. @throws AppError `invalid` */
  async facts(query: string, limit: number, more?: SearchArguments): Promise<FoundFact[]> {
    const principal = this.#caller.principal.id;
    const facts = await this.#services.search.facts({ principal }, query, limit, more);
    for (const { session } of facts) this.#caller.onSession?.(session);
    return facts;
  }

  /** A session that the caller owns or that was shared with it; undefined for any other. */
  async find(id: string): Promise<SessionHandle | undefined> {
    const session = await this.#services.sessions.find(this.#caller.principal, { id });
    if (session === undefined) return undefined;
    this.#caller.onSession?.(id);
    return new SessionHandle(this.#services, CurrentSession.of(session), this.#run);
  }

  /** Pending offers of other principals, the oldest first. */
  offers(): Promise<Offer[]> {
    return this.#services.sessions.shares.offers(this.#caller.principal);
  }

  /** @throws AppError `not_found`, `forbidden` or `limit` */
  async accept(id: string): Promise<Offer> {
    const { principal } = this.#caller;
    return this.#run.change("accept", this.#listNews(id), () =>
      this.#services.sessions.shares.accept(principal, id),
    );
  }

  /** Returns true if the session was shared with the caller. @throws AppError `forbidden` */
  async leave(id: string): Promise<boolean> {
    return this.#run.change(
      "leave",
      this.#listNews(id),
      () => this.#services.sessions.shares.leave(this.#caller.principal, id),
      isTrue,
    );
  }

  #listNews(id: string) {
    const uri = sessionUri(id);
    return [{ owner: this.#caller.principal.id, uris: [uri, SESSIONS_URI], under: uri }];
  }

  /** The caller's principal id. */
  get principal(): string {
    return this.#caller.principal.id;
  }

  /** The owner of a found session, and the caller's access to it. */
  async standing(id: string): Promise<Pick<Session, "owner" | "access"> | undefined> {
    return this.#services.sessions.look(this.#caller.principal, id);
  }

  counts({ id }: Pick<Session, "id">): Promise<SessionCounts> {
    return this.#services.sessions.counts(id);
  }

  /** Time at which an unused session will be deleted, in milliseconds; null for never. */
  expiresAt(session: Lifetime): number | null {
    return this.#services.sessions.expiresAt(session);
  }
}

// One session as a tool sees it. It comes into being with the first thing that is stored in it.
import type { Ask } from "../../chat/ask.ts";
import type { Chat } from "../../chat/chat.ts";
import type { HistorySearch } from "../../chat/history-search.ts";
import type { ModelRequest } from "../../chat/model.ts";
import type { Message } from "../../chat/message.ts";
import type { Summary } from "../../chat/store.ts";
import { AppError } from "../../lib/errors.ts";
import { SessionHistory, SessionState, type SessionParts } from "../builtin/session-output.ts";
import type { CurrentSession, SessionResolver } from "../../clients/session-resolver.ts";
import type { Caller, Session, SessionCounts } from "../../sessions/session.ts";
import type { IdempotentCalls } from "../../idempotency/idempotent-calls.ts";
import type { RunningCalls } from "../../sessions/running-calls.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { Clearable, Grant, SessionChanges } from "../../sessions/store.ts";
import { historyUri, SESSIONS_URI, sessionUri } from "../../sessions/uris.ts";
import type { UpdateNotifier, Change } from "../../updates/notifier.ts";
import type { Forks } from "../../transfer/fork.ts";
import type { State } from "../../state/state.ts";

/** The parts of the program that session-aware tools stand on. */
export interface SessionServices {
  readonly sessions: Sessions;
  readonly resolver: SessionResolver;
  readonly state: State;
  readonly chat: Chat;
  readonly search: HistorySearch;
  readonly forks: Forks;
  readonly updates: UpdateNotifier;
  readonly runningCalls: RunningCalls;
  readonly idempotentCalls: IdempotentCalls;
}

export type Conversation = Pick<ModelRequest, "messages" | "system">;

/** News of the caller's own. */
export const changeOf = ({ principal, client }: Caller): Change => ({
  owner: principal.id,
  by: client?.id,
});

export class SessionHandle {
  readonly state: SessionState;
  readonly history: SessionHistory;
  readonly #services: SessionServices;
  readonly #current: CurrentSession;
  readonly #caller: Caller;

  constructor(services: SessionServices, current: CurrentSession, caller: Caller) {
    this.#caller = caller;
    this.#services = services;
    this.#current = current;
    const parts: SessionParts = {
      get id() {
        return current.id;
      },
      by: caller.principal,
      store: (resource, act) => this.#store(resource, act),
      checkWritable: () => this.info && services.sessions.checkWritable(this.info),
      changed: (...uris) => this.#changed(...uris),
    };
    this.state = new SessionState(services.state, parts);
    this.history = new SessionHistory(services, parts);
  }

  /** Of a session that nobody has used it may change with the first write. */
  get id(): string {
    return this.#current.id;
  }

  /** Its row; undefined while nothing is stored in it. */
  get info(): Session | undefined {
    return this.#current.session;
  }

  /** The program that asks is there, whatever is known of its connections. */
  async counts(): Promise<SessionCounts> {
    const { client, listenerId } = this.#caller;
    const counts = await this.#services.sessions.counts(this.id, client?.id ?? listenerId);
    return { ...counts, connections: counts.connections + 1 };
  }

  /** What stands for the messages that no longer fit into the model's window. */
  summary(): Promise<Summary | undefined> {
    return this.#services.chat.summary(this.id);
  }

  /** @throws AppError `forbidden` */
  async update(changes: SessionChanges): Promise<Session> {
    const updated = await this.#services.sessions.update(
      this.#caller.principal,
      await this.#current.create(),
      changes,
    );
    await this.#changed(SESSIONS_URI);
    return updated;
  }

  /** @throws AppError `forbidden` */
  async clear(what: Clearable): Promise<void> {
    if (this.info === undefined) return;
    await this.#services.sessions.clear(this.#caller.principal, this.info, what);
    await this.#allChanged();
  }

  /** Resolves to the numbers of those that were there. @throws AppError `forbidden` or `busy` */
  async deleteMessages(seqs: readonly number[]): Promise<number[]> {
    if (this.info === undefined) return [];
    const { sessions } = this.#services;
    const deleted = await sessions.deleteMessages(this.#caller.principal, this.info, seqs);
    if (deleted.length > 0) await this.#changed(historyUri(this.id), SESSIONS_URI);
    return deleted;
  }

  /** @throws AppError `forbidden` for everybody but the owner */
  async delete(): Promise<void> {
    if (this.info === undefined) return;
    const readers = await this.#services.sessions.grants(this.info);
    await this.#services.sessions.delete(this.#caller.principal, this.info);
    await this.#allChanged();
    for (const { principal } of readers) await this.#allChanged(principal);
  }

  /** Whom the owner lets in. */
  async grants(): Promise<Grant[]> {
    return this.info === undefined ? [] : this.#services.sessions.grants(this.info);
  }

  /**
   * Resolves to whether anybody of that name was seen here.
   * @throws AppError `forbidden` for everybody but the owner, `invalid` or `limit`
   */
  async share(grant: Grant): Promise<boolean> {
    const isKnown = await this.#services.sessions.share(
      this.#caller.principal,
      await this.#current.create(),
      grant,
    );
    await this.#services.updates.notify(this.#newsFor(grant.principal), [SESSIONS_URI]);
    return isKnown;
  }

  /** Resolves to whether it was shared with that principal. */
  async unshare(principal: string): Promise<boolean> {
    if (this.info === undefined) return false;
    const existed = await this.#services.sessions.unshare(
      this.#caller.principal,
      this.info,
      principal,
    );
    if (existed) await this.#allChanged(principal);
    return existed;
  }

  /** Whether the server has a model of its own to ask. */
  get hasModel(): boolean {
    return this.#services.chat.model.fallback !== true;
  }

  /**
   * What the caller's model is shown when it is asked this now.
   * @throws AppError `forbidden`, `limit` or `invalid`, where its answer could not be stored
   */
  async conversation(ask: Omit<Ask, "signal">): Promise<Conversation> {
    this.#services.sessions.checkWritable(this.info ?? this.#caller.principal);
    const system = ask.system ?? this.info?.system ?? undefined;
    const messages = await this.#services.chat.conversation(this.id, { ...ask, system });
    return { messages, system };
  }

  /** @throws AppError `invalid` where nothing has been asked */
  lastQuestion(): Promise<Message> {
    return this.#services.chat.lastQuestion(this.id);
  }

  /**
   * Copies it into a new session of the caller's, up to a message. @throws AppError `invalid`, `limit` or `forbidden`
   */
  async fork(upto?: number): Promise<Pick<Session, "id" | "title">> {
    const { forks, updates: announcer } = this.#services;
    if (this.info === undefined)
      throw new AppError("invalid", "Nothing is stored in this session yet.");
    const copy = await forks.fork(this.#caller.principal, this.info, upto);
    await announcer.notify(changeOf(this.#caller), [SESSIONS_URI]);
    return copy;
  }

  /** Asks the configured model, with this session's history as its memory. @throws AppError `forbidden` and others */
  async ask(ask: Omit<Ask, "by">): Promise<{ question: Message; answer: Message }> {
    return this.#store(historyUri, (id) => {
      const system = ask.system ?? this.info?.system ?? undefined;
      return this.#services.chat.ask(id, { ...ask, system, by: this.#caller.principal });
    });
  }

  /**
   * Stores something in the session, which is made for it if it is not there yet, and tells subscribers. A session that
   * was made for nothing goes again; a question that failed is in the history too.
   */
  async #store<T>(resource: (id: string) => string, act: (id: string) => Promise<T>): Promise<T> {
    const { sessions } = this.#services;
    const session = await this.#current.create();
    const { opened } = this.#current;
    sessions.checkWritable(session);
    try {
      return await act(session.id);
    } catch (error) {
      if (opened) await sessions.deleteEmpty(session.id);
      throw error;
    } finally {
      await this.#changed(resource(session.id), ...(opened ? [SESSIONS_URI] : []));
    }
  }

  /** For whoever may see the session. */
  get #news(): Change {
    const owner = this.info?.owner ?? this.#caller.principal.id;
    return { ...this.#newsFor(owner), session: this.id };
  }

  /** For one principal alone, who may or may no longer see it. */
  #newsFor(principal: string): Change {
    return { ...changeOf(this.#caller), owner: principal };
  }

  #changed(...uris: string[]): Promise<void> {
    return this.#services.updates.notify(this.#news, [...uris, sessionUri(this.id)]);
  }

  /** Whatever shows this session has changed: for everybody who may see it, or for one principal. */
  async #allChanged(principal?: string): Promise<void> {
    const { updates: announcer } = this.#services;
    const news = principal === undefined ? this.#news : this.#newsFor(principal);
    await announcer.notifyUnder(news, sessionUri(this.id));
    await announcer.notify(news, [sessionUri(this.id), SESSIONS_URI]);
  }
}

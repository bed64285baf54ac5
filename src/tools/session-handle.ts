// One session as a tool sees it. It comes into being with the first thing that is stored in it.
import type { Ask } from "../chat/ask.ts";
import type { Chat } from "../chat/chat.ts";
import type { HistorySearch, Hit } from "../chat/history-search.ts";
import type { ModelRequest } from "../chat/model.ts";
import type { Message } from "../chat/message.ts";
import type { NewMessage, Summary } from "../chat/store.ts";
import type { CurrentSession, SessionResolver } from "../sessions/current.ts";
import type { Caller, Session, SessionCounts } from "../sessions/session.ts";
import type { KeyedCalls } from "../sessions/keyed-calls.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Clearable, Grant, SessionChanges } from "../sessions/store.ts";
import { historyUri, SESSIONS_URI, sessionUri, stateUri } from "../sessions/uris.ts";
import type { Announcer, News } from "../streams/announcer.ts";
import type { SetOptions, State, StatePage } from "../state/state.ts";
import type { StateEntry } from "../state/store.ts";

/** The parts of the program that session-aware tools stand on. */
export interface SessionServices {
  readonly sessions: Sessions;
  readonly resolver: SessionResolver;
  readonly state: State;
  readonly chat: Chat;
  readonly search: HistorySearch;
  readonly announcer: Announcer;
  readonly keyedCalls: KeyedCalls;
}

export type Conversation = Pick<ModelRequest, "messages" | "system">;

/** News of the caller's own. */
export const newsOf = ({ principal, client }: Caller): News => ({
  owner: principal.id,
  by: client?.id,
});

export class SessionHandle {
  readonly id: string;
  readonly state: SessionState;
  readonly history: SessionHistory;
  readonly #services: SessionServices;
  readonly #current: CurrentSession;
  readonly #caller: Caller;

  constructor(services: SessionServices, current: CurrentSession, caller: Caller) {
    this.#caller = caller;
    this.id = current.id;
    this.#services = services;
    this.#current = current;
    const parts: SessionParts = {
      id: current.id,
      store: (uri, act) => this.#store(uri, act),
      checkWritable: () => this.info && services.sessions.checkWritable(this.info),
      changed: (...uris) => this.#changed(...uris),
    };
    this.state = new SessionState(services.state, parts);
    this.history = new SessionHistory(services, parts);
  }

  /** Its row; undefined while nothing is stored in it. */
  get info(): Session | undefined {
    return this.#current.session;
  }

  counts(): Promise<SessionCounts> {
    return this.#services.sessions.counts(this.id);
  }

  /** What stands for the messages that no longer fit into the model's window. */
  summary(): Promise<Summary | undefined> {
    return this.#services.chat.summary(this.id);
  }

  /** @throws AppError `forbidden` */
  async update(changes: SessionChanges): Promise<Session> {
    const updated = await this.#services.sessions.update(await this.#current.create(), changes);
    await this.#changed(SESSIONS_URI);
    return updated;
  }

  /** @throws AppError `forbidden` */
  async clear(what: Clearable): Promise<void> {
    if (this.info === undefined) return;
    await this.#services.sessions.clear(this.#caller.principal, this.info, what);
    await this.#allChanged();
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

  /** @throws AppError `forbidden` for everybody but the owner, `invalid` or `limit` */
  async share(grant: Grant): Promise<void> {
    await this.#services.sessions.share(
      this.#caller.principal,
      await this.#current.create(),
      grant,
    );
    await this.#allChanged(grant.principal);
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

  /** Asks the configured model, with this session's history as its memory. @throws AppError `forbidden` and others */
  async ask(ask: Ask): Promise<{ question: Message; answer: Message }> {
    return this.#store(historyUri(this.id), () => {
      const system = ask.system ?? this.info?.system ?? undefined;
      return this.#services.chat.ask(this.id, { ...ask, system });
    });
  }

  /**
   * Stores something in the session, which is made for it if it is not there yet, and tells subscribers. A session that
   * was made for nothing goes again; a question that failed is in the history too.
   */
  async #store<T>(uri: string, act: () => Promise<T>): Promise<T> {
    const { sessions } = this.#services;
    const isNew = this.info === undefined;
    sessions.checkWritable(await this.#current.create());
    try {
      return await act();
    } catch (error) {
      if (isNew) await sessions.deleteEmpty(this.id);
      throw error;
    } finally {
      await this.#changed(uri, ...(isNew ? [SESSIONS_URI] : []));
    }
  }

  /** For whoever may see the session. */
  get #news(): News {
    const owner = this.info?.owner ?? this.#caller.principal.id;
    return { ...this.#newsFor(owner), session: this.id };
  }

  /** For one principal alone, who may or may no longer see it. */
  #newsFor(principal: string): News {
    return { ...newsOf(this.#caller), owner: principal };
  }

  #changed(...uris: string[]): Promise<void> {
    return this.#services.announcer.announce(this.#news, [...uris, sessionUri(this.id)]);
  }

  /** Whatever shows this session has changed: for everybody who may see it, or for one principal. */
  async #allChanged(principal?: string): Promise<void> {
    const { announcer } = this.#services;
    const news = principal === undefined ? this.#news : this.#newsFor(principal);
    await announcer.announceBelow(news, sessionUri(this.id));
    await announcer.announce(news, [sessionUri(this.id), SESSIONS_URI]);
  }
}

/** What state and history are given of their session. */
interface SessionParts {
  id: string;
  /** Stores something and tells subscribers of the resource. @throws AppError `forbidden`, and what `act` throws */
  store<T>(uri: string, act: () => Promise<T>): Promise<T>;
  /** For what stores nothing new. @throws AppError `forbidden` */
  checkWritable(): void;
  /** Tells subscribers that these resources have changed. */
  changed(...uris: string[]): Promise<void>;
}

/** Key/value state of one session; values are JSON. */
export class SessionState {
  readonly #state: State;
  readonly #session: SessionParts;

  constructor(state: State, session: SessionParts) {
    this.#state = state;
    this.#session = session;
  }

  /** The value, or undefined. */
  async get<T = unknown>(key: string): Promise<T | undefined> {
    const entry = await this.entry(key);
    return entry && (JSON.parse(entry.value) as T);
  }

  /** The value as JSON text, with its version and times. */
  entry(key: string): Promise<StateEntry | undefined> {
    return this.#state.get(this.#session.id, key);
  }

  /** @throws AppError `conflict` when `ifVersion` does not match, `forbidden`, `limit` or `invalid` */
  async set(key: string, value: unknown, options?: SetOptions): Promise<StateEntry> {
    const { id, store } = this.#session;
    return store(stateUri(id, key), () => this.#state.set(id, key, value, options));
  }

  /** Resolves to whether the key was there. @throws AppError `conflict` or `forbidden` */
  async delete(key: string, ifVersion?: number): Promise<boolean> {
    const { id, checkWritable, changed } = this.#session;
    checkWritable();
    const deleted = await this.#state.delete(id, key, ifVersion);
    if (deleted) await changed(stateUri(id, key));
    return deleted;
  }

  list(options: { prefix?: string; after?: string; limit: number }): Promise<StatePage> {
    return this.#state.list(this.#session.id, options);
  }
}

/** The messages of one session. */
export class SessionHistory {
  readonly #chat: Chat;
  readonly #search: HistorySearch;
  readonly #session: SessionParts;

  constructor({ chat, search }: SessionServices, session: SessionParts) {
    this.#chat = chat;
    this.#search = search;
    this.#session = session;
  }

  /** @throws AppError `forbidden` and others */
  async append(message: NewMessage): Promise<Message> {
    const { id, store } = this.#session;
    return store(historyUri(id), () => this.#chat.append(id, message));
  }

  /** The newest `limit` messages below `before`, in order. */
  page(options: {
    limit: number;
    before?: number | undefined;
  }): Promise<{ messages: Message[]; nextBefore?: number }> {
    return this.#chat.page(this.#session.id, options);
  }

  /** The messages that say it best. @throws AppError `invalid` for a query without a word, `limit` */
  search(query: string, limit: number): Promise<Hit[]> {
    return this.#search.search({ session: this.#session.id }, query, limit);
  }
}

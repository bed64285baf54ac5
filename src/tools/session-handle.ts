// One session as a tool sees it. It comes into being with the first thing that is stored in it.
import type { Ask, Chat } from "../chat/chat.ts";
import type { Message } from "../chat/message.ts";
import type { NewMessage } from "../chat/store.ts";
import type { CurrentSession, SessionResolver } from "../sessions/current.ts";
import type { Session, SessionCounts } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Clearable, SessionChanges } from "../sessions/store.ts";
import type { SetOptions, State, StatePage } from "../state/state.ts";
import type { StateEntry } from "../state/store.ts";

/** The parts of the program that session-aware tools stand on. */
export interface SessionServices {
  readonly sessions: Sessions;
  readonly resolver: SessionResolver;
  readonly state: State;
  readonly chat: Chat;
}

export class SessionHandle {
  readonly id: string;
  readonly state: SessionState;
  readonly history: SessionHistory;
  readonly #services: SessionServices;
  readonly #current: CurrentSession;

  constructor(services: SessionServices, current: CurrentSession) {
    this.id = current.id;
    this.#services = services;
    this.#current = current;
    this.state = new SessionState(services.state, current);
    this.history = new SessionHistory(services.chat, current);
  }

  /** Its row; undefined while nothing is stored in it. */
  get info(): Session | undefined {
    return this.#current.session;
  }

  counts(): Promise<SessionCounts> {
    return this.#services.sessions.counts(this.id);
  }

  async update(changes: SessionChanges): Promise<Session> {
    return this.#services.sessions.update(await this.#current.create(), changes);
  }

  async clear(what: Clearable): Promise<void> {
    if (this.info !== undefined) await this.#services.sessions.clear(this.info, what);
  }

  async delete(): Promise<void> {
    if (this.info !== undefined) await this.#services.sessions.delete(this.info);
  }

  /** Asks the configured model, with this session's history as its memory. */
  async ask(ask: Ask): Promise<{ question: Message; answer: Message }> {
    const { system } = await this.#current.create();
    return this.#services.chat.ask(this.id, { ...ask, system: ask.system ?? system ?? undefined });
  }
}

/** Key/value state of one session; values are JSON. */
export class SessionState {
  readonly #state: State;
  readonly #current: CurrentSession;

  constructor(state: State, current: CurrentSession) {
    this.#state = state;
    this.#current = current;
  }

  /** The value, or undefined. */
  async get<T = unknown>(key: string): Promise<T | undefined> {
    const entry = await this.entry(key);
    return entry && (JSON.parse(entry.value) as T);
  }

  /** The value as JSON text, with its version and times. */
  entry(key: string): Promise<StateEntry | undefined> {
    return this.#state.get(this.#current.id, key);
  }

  /** @throws AppError `conflict` when `ifVersion` does not match, `limit` or `invalid` */
  async set(key: string, value: unknown, options?: SetOptions): Promise<StateEntry> {
    await this.#current.create();
    return this.#state.set(this.#current.id, key, value, options);
  }

  /** Resolves to whether the key was there. */
  delete(key: string, ifVersion?: number): Promise<boolean> {
    return this.#state.delete(this.#current.id, key, ifVersion);
  }

  list(options: { prefix?: string; after?: string; limit: number }): Promise<StatePage> {
    return this.#state.list(this.#current.id, options);
  }
}

/** The messages of one session. */
export class SessionHistory {
  readonly #chat: Chat;
  readonly #current: CurrentSession;

  constructor(chat: Chat, current: CurrentSession) {
    this.#chat = chat;
    this.#current = current;
  }

  async append(message: NewMessage): Promise<Message> {
    await this.#current.create();
    return this.#chat.append(this.#current.id, message);
  }

  /** The newest `limit` messages below `before`, in order. */
  page(options: {
    limit: number;
    before?: number | undefined;
  }): Promise<{ messages: Message[]; nextBefore?: number }> {
    return this.#chat.page(this.#current.id, options);
  }
}

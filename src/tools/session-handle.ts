// One session as a tool sees it. It comes into being with the first thing that is stored in it.
import type { Ask, Chat } from "../chat/chat.ts";
import type { ModelRequest } from "../chat/model.ts";
import type { Message } from "../chat/message.ts";
import type { NewMessage } from "../chat/store.ts";
import type { CurrentSession, SessionResolver } from "../sessions/current.ts";
import type { Caller, Session, SessionCounts } from "../sessions/session.ts";
import type { KeyedCalls } from "../sessions/keyed-calls.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Clearable, SessionChanges } from "../sessions/store.ts";
import { historyUri, SESSIONS_URI, sessionUri, stateUri } from "../sessions/uris.ts";
import type { Announcer } from "../streams/announcer.ts";
import type { SetOptions, State, StatePage } from "../state/state.ts";
import type { StateEntry } from "../state/store.ts";

/** The parts of the program that session-aware tools stand on. */
export interface SessionServices {
  readonly sessions: Sessions;
  readonly resolver: SessionResolver;
  readonly state: State;
  readonly chat: Chat;
  readonly announcer: Announcer;
  readonly keyedCalls: KeyedCalls;
}

export type Conversation = Pick<ModelRequest, "messages" | "system">;

/** Tells subscribers that these resources have changed. */
type Changed = (...uris: string[]) => Promise<void>;

export class SessionHandle {
  readonly id: string;
  readonly state: SessionState;
  readonly history: SessionHistory;
  readonly #services: SessionServices;
  readonly #current: CurrentSession;
  readonly #caller: Caller;
  readonly #changed: Changed;

  constructor(services: SessionServices, current: CurrentSession, caller: Caller) {
    this.#caller = caller;
    this.id = current.id;
    this.#services = services;
    this.#current = current;
    this.#changed = (...uris) =>
      services.announcer.announce(caller, [...uris, sessionUri(current.id)]);
    this.state = new SessionState(services.state, current, this.#changed);
    this.history = new SessionHistory(services.chat, current, this.#changed);
  }

  /** Its row; undefined while nothing is stored in it. */
  get info(): Session | undefined {
    return this.#current.session;
  }

  counts(): Promise<SessionCounts> {
    return this.#services.sessions.counts(this.id);
  }

  async update(changes: SessionChanges): Promise<Session> {
    const updated = await this.#services.sessions.update(await this.#current.create(), changes);
    await this.#changed(SESSIONS_URI);
    return updated;
  }

  async clear(what: Clearable): Promise<void> {
    if (this.info === undefined) return;
    await this.#services.sessions.clear(this.info, what);
    await this.#allChanged();
  }

  async delete(): Promise<void> {
    if (this.info === undefined) return;
    await this.#services.sessions.delete(this.info);
    await this.#allChanged();
  }

  /** Whatever shows this session has changed. */
  async #allChanged(): Promise<void> {
    await this.#services.announcer.announceBelow(this.#caller, sessionUri(this.id));
    await this.#changed(SESSIONS_URI);
  }

  /** Whether the server has a model of its own to ask. */
  get hasModel(): boolean {
    return this.#services.chat.model.fallback !== true;
  }

  /** What a model is shown when it is asked this now. */
  async conversation(ask: Pick<Ask, "prompt" | "system">): Promise<Conversation> {
    return {
      messages: await this.#services.chat.conversation(this.id, ask.prompt),
      system: ask.system ?? this.info?.system ?? undefined,
    };
  }

  /** Asks the configured model, with this session's history as its memory. */
  async ask(ask: Ask): Promise<{ question: Message; answer: Message }> {
    const made = await make(this.#current);
    const system = this.info?.system;
    try {
      return await this.#services.chat.ask(this.id, {
        ...ask,
        system: ask.system ?? system ?? undefined,
      });
    } finally {
      await this.#changed(historyUri(this.id), ...made); // a question that failed is in the history too
    }
  }
}

/** Key/value state of one session; values are JSON. */
export class SessionState {
  readonly #state: State;
  readonly #current: CurrentSession;
  readonly #changed: Changed;

  constructor(state: State, current: CurrentSession, changed: Changed) {
    this.#state = state;
    this.#current = current;
    this.#changed = changed;
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
    const made = await make(this.#current);
    const entry = await this.#state.set(this.#current.id, key, value, options);
    await this.#changed(stateUri(this.#current.id, key), ...made);
    return entry;
  }

  /** Resolves to whether the key was there. */
  async delete(key: string, ifVersion?: number): Promise<boolean> {
    const deleted = await this.#state.delete(this.#current.id, key, ifVersion);
    if (deleted) await this.#changed(stateUri(this.#current.id, key));
    return deleted;
  }

  list(options: { prefix?: string; after?: string; limit: number }): Promise<StatePage> {
    return this.#state.list(this.#current.id, options);
  }
}

/** The messages of one session. */
export class SessionHistory {
  readonly #chat: Chat;
  readonly #current: CurrentSession;
  readonly #changed: Changed;

  constructor(chat: Chat, current: CurrentSession, changed: Changed) {
    this.#chat = chat;
    this.#current = current;
    this.#changed = changed;
  }

  async append(message: NewMessage): Promise<Message> {
    const made = await make(this.#current);
    const stored = await this.#chat.append(this.#current.id, message);
    await this.#changed(historyUri(this.#current.id), ...made);
    return stored;
  }

  /** The newest `limit` messages below `before`, in order. */
  page(options: {
    limit: number;
    before?: number | undefined;
  }): Promise<{ messages: Message[]; nextBefore?: number }> {
    return this.#chat.page(this.#current.id, options);
  }
}

/** Makes the session if it is not there yet; resolves to what else has changed by that. */
async function make(current: CurrentSession): Promise<string[]> {
  const isNew = current.session === undefined;
  await current.create();
  return isNew ? [SESSIONS_URI] : [];
}

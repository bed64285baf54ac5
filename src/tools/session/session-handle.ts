// One session in the form that tools use. Its row is created by the first write.
import type { Ask } from "../../chat/ask.ts";
import type { Answered, Chat } from "../../chat/chat.ts";
import type { HistorySearch } from "../../chat/history-search.ts";
import type { Message } from "../../chat/message.ts";
import type { ModelRequest } from "../../chat/model.ts";
import type { Summary } from "../../chat/store.ts";
import type { CurrentSession, SessionResolver } from "../../clients/session-resolver.ts";
import type { IdempotentCalls } from "../../idempotency/idempotent-calls.ts";
import { AppError } from "../../lib/errors.ts";
import { isTrue } from "../../lib/is-true.ts";
import type { RunningCalls } from "../../sessions/running-calls.ts";
import type { Caller, Session, SessionCounts } from "../../sessions/session.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { Clearable, Grant, SessionChanges } from "../../sessions/store.ts";
import { historyUri, SESSIONS_URI, sessionUri } from "../../sessions/uris.ts";
import type { State } from "../../state/state.ts";
import type { Forks } from "../../transfer/fork.ts";
import type { UpdateNotifier } from "../../updates/notifier.ts";
import type { Change } from "../../updates/store.ts";
import type { MakeChange, NewId } from "./changes.ts";
import { SessionHistory, type SessionParts, SessionState } from "./session-parts.ts";

/** The services that session-aware tools use. */
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

/** The caller, and the means to change sessions for it. */
export interface Run {
  caller: Caller;
  change: MakeChange;
  newId: NewId;
}

export class SessionHandle {
  readonly state: SessionState;
  readonly history: SessionHistory;
  readonly #services: SessionServices;
  readonly #current: CurrentSession;
  readonly #caller: Caller;
  readonly #change: MakeChange;
  readonly #newId: NewId;

  constructor(services: SessionServices, current: CurrentSession, { caller, change, newId }: Run) {
    this.#caller = caller;
    this.#change = change;
    this.#newId = newId;
    this.#services = services;
    this.#current = current;
    const parts: SessionParts = {
      current,
      by: caller.principal,
      store: (resource, act) => this.#store(resource, act),
      checkWritable: () => this.info && services.sessions.checkWritable(this.info),
      remove: (uri, act) => change(`remove ${uri}`, this.#changesOf(uri), act, isTrue),
    };
    this.state = new SessionState(services.state, parts);
    this.history = new SessionHistory(services, parts);
  }

  /** The session's id; the first write to an unused session may change it. */
  get id(): string {
    return this.#current.id;
  }

  /** The session's row; undefined before the first write. */
  get info(): Session | undefined {
    return this.#current.session;
  }

  /** The counts, with the calling client as present, even without a known connection. */
  async counts(): Promise<SessionCounts> {
    const { client, listenerId } = this.#caller;
    const counts = await this.#services.sessions.counts(this.id, client?.id ?? listenerId);
    return { ...counts, connections: counts.connections + 1 };
  }

  /** The summary of the messages that no longer fit into the model's window. */
  summary(): Promise<Summary | undefined> {
    return this.#services.chat.summary(this.id);
  }

  /** @throws AppError `forbidden` */
  async update(changes: SessionChanges): Promise<Session> {
    const session = await this.#create();
    const { principal } = this.#caller;
    return this.#change("update", this.#changesOf(SESSIONS_URI), () =>
      this.#services.sessions.update(principal, session, changes),
    );
  }

  /** @throws AppError `forbidden` */
  async clear(what: Clearable): Promise<void> {
    const { info } = this;
    if (info === undefined) return;
    const { principal } = this.#caller;
    const { sessions } = this.#services;
    const clear = () => sessions.clear(principal, info, what);
    await this.#change("clear", this.#allNews(), clear, isTrue);
  }

  /** Returns the numbers of the deleted messages. @throws AppError `forbidden` or `busy` */
  async deleteMessages(seqs: readonly number[]): Promise<number[]> {
    const { info } = this;
    if (info === undefined) return [];
    return this.#change(
      "delete messages",
      this.#changesOf(historyUri(this.id), SESSIONS_URI),
      () => this.#services.sessions.deleteMessages(this.#caller.principal, info, seqs),
      (deleted) => Array.isArray(deleted) && deleted.length > 0,
    );
  }

  /** @throws AppError `forbidden` for all but the owner */
  async delete(): Promise<void> {
    const { info } = this;
    if (info === undefined) return;
    const readers = await this.#services.sessions.shares.grants(info);
    const changes = [
      ...this.#allNews(),
      ...readers.flatMap(({ principal }) => this.#allNews(principal)),
    ];
    const remove = () => this.#services.sessions.delete(this.#caller.principal, info);
    await this.#change("delete", changes, remove, isTrue);
  }

  /** The principals that the session is shared with. */
  async grants(): Promise<Grant[]> {
    return this.info === undefined ? [] : this.#services.sessions.shares.grants(this.info);
  }

  /**
   * Returns true if this server has seen that principal.
   * @throws AppError `forbidden` for all but the owner, `invalid` or `limit`
   */
  async share(grant: Grant): Promise<boolean> {
    const session = await this.#create();
    const changes = [{ owner: grant.principal, uris: [SESSIONS_URI] }];
    return this.#change("share", changes, () =>
      this.#services.sessions.shares.share(this.#caller.principal, session, grant),
    );
  }

  /** Returns true if the session was shared with that principal. */
  async unshare(principal: string): Promise<boolean> {
    const { info } = this;
    if (info === undefined) return false;
    return this.#change(
      "unshare",
      this.#allNews(principal),
      () => this.#services.sessions.shares.unshare(this.#caller.principal, info, principal),
      isTrue,
    );
  }

  /** True if the server has a model of its own. */
  get hasModel(): boolean {
    return this.#services.chat.model.fallback !== true;
  }

  /**
   * The messages to show to the client's model for this question.
   * @throws AppError `forbidden`, `limit` or `invalid` when its answer could not be stored
   */
  async conversation(ask: Omit<Ask, "signal">): Promise<Conversation> {
    this.#services.sessions.checkWritable(this.info ?? this.#caller.principal);
    const system = ask.system ?? this.info?.system ?? undefined;
    const messages = await this.#services.chat.conversation(this.id, { ...ask, system });
    return { messages, system };
  }

  /** @throws AppError `invalid` when the session has no question yet */
  lastQuestion(): Promise<Message> {
    return this.#services.chat.lastQuestion(this.id);
  }

  /**
   * Copies the session into a new session of the caller, up to a message.
   * @throws AppError `invalid`, `limit` or `forbidden`
   */
  async fork(upto?: number): Promise<Pick<Session, "id" | "title">> {
    const { info } = this;
    const { forks, updates } = this.#services;
    const { principal, client } = this.#caller;
    const id = this.#newId();
    if (info === undefined) throw new AppError("invalid", "Nothing is stored in this session yet.");
    const changes = [{ owner: principal.id, by: client?.id, uris: [SESSIONS_URI] }];
    return updates.notifyWith(changes, () => forks.fork(principal, info, { upto, id }), isTrue);
  }

  /** Asks the configured model, with this session's history as context. @throws AppError `forbidden` and others */
  async ask(ask: Omit<Ask, "by">): Promise<Answered> {
    const { updates, chat } = this.#services;
    const by = this.#caller.principal;
    return this.#unlessUnused(({ id, system }) => {
      const author = this.#caller.client?.id;
      const changes = this.#changesOf(historyUri(id)).map((one) => ({ ...one, by: author }));
      const notifyWith: Ask["notifyWith"] = (act, tells) => updates.notifyWith(changes, act, tells);
      return chat.ask(id, { ...ask, system: ask.system ?? system ?? undefined, by, notifyWith });
    });
  }

  /** Runs a write in the session and notifies subscribers of its resource. */
  #store<T>(resource: (id: string) => string, act: (id: string) => Promise<T>): Promise<T> {
    return this.#unlessUnused(({ id }) =>
      this.#change(`store ${resource(id)}`, this.#changesOf(resource(id)), () => act(id)),
    );
  }

  /** Runs a write in the session, and creates the session for it if needed. A failed write deletes the new session. */
  async #unlessUnused<T>(act: (session: Session) => Promise<T>): Promise<T> {
    const { sessions } = this.#services;
    const session = await this.#create();
    sessions.checkWritable(session);
    try {
      return await act(session);
    } catch (error) {
      if (this.#current.opened)
        await this.#change("delete unused", this.#changesOf(SESSIONS_URI), () =>
          sessions.deleteEmpty(session.id),
        );
      throw error;
    }
  }

  /** The session, created if needed. */
  async #create(): Promise<Session> {
    if (this.info !== undefined) return this.info;
    const changes = [{ owner: this.#caller.principal.id, uris: [SESSIONS_URI] }];
    return this.#change("create", changes, () => this.#current.create(), isCreated);
  }

  /** The change of these resources and of the session itself, for all principals with access. */
  #changesOf(...uris: string[]): Omit<Change, "by">[] {
    const owner = this.info?.owner ?? this.#caller.principal.id;
    return [{ owner, session: this.id, uris: [...uris, sessionUri(this.id)] }];
  }

  /** The change of every resource that shows this session, for all principals with access or for one principal. */
  #allNews(principal?: string): Omit<Change, "by">[] {
    const uri = sessionUri(this.id);
    const [change] = this.#changesOf(SESSIONS_URI);
    const whose = principal === undefined ? {} : { owner: principal, session: undefined };
    return [{ ...change!, ...whose, under: uri }];
  }
}

/** True for a result of SessionStore.create that created a session. */
export const isCreated = (result: unknown): boolean =>
  (result as { created?: unknown } | undefined)?.created === true;

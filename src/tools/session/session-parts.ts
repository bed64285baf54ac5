// State and history of one session, in the form that tools use.
import { setTimeout as sleep } from "node:timers/promises";
import type { Principal } from "../../auth/principal.ts";
import type { Chat } from "../../chat/chat.ts";
import type { FoundFact, HistorySearch, Hit } from "../../chat/history-search.ts";
import type { Message } from "../../chat/message.ts";
import type { SearchArguments } from "../../chat/search-query.ts";
import type { MessagePage, NewMessage } from "../../chat/store.ts";
import { AppError, toAppError } from "../../lib/errors.ts";
import { checkLimit } from "../../lib/page.ts";
import { historyUri, stateUri } from "../../sessions/uris.ts";
import type { SetOptions, State } from "../../state/state.ts";
import type { StateEntry, StatePage } from "../../state/store.ts";

/** Attempts per update: enough for a hundred callers at the same time. */
const MAX_ATTEMPTS = 50;
const MAX_WAIT_MS = 64;
/** Items of a list whose caller names no limit. */
export const LISTED = 100;
/** Hits of a search whose caller names no limit. */
export const FOUND = 10;

/** The session's services for state and history. */
export interface SessionParts {
  /**
   * The session, whose id the first write may change. A getter `id` in a literal would give each literal a hidden class of
   * its own, and these keep what the call holds until a full collection.
   */
  readonly current: { readonly id: string };
  /** The principal that writes. */
  readonly by: Principal;
  /** Runs a write and notifies subscribers of the resource. @throws AppError `forbidden`, and the errors of `act` */
  store<T>(resource: (id: string) => string, act: (id: string) => Promise<T>): Promise<T>;
  /** Checks a call that stores nothing new. @throws AppError `forbidden` */
  checkWritable(): void;
  /** Runs a deletion; notifies subscribers of the resource if `act` resolves to true. */
  remove(uri: string, act: () => Promise<boolean>): Promise<boolean>;
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
    return this.#state.get(this.#session.current.id, key);
  }

  /** @throws AppError `conflict` when `ifVersion` does not match, `forbidden`, `limit` or `invalid` */
  async set(key: string, value: unknown, options?: SetOptions): Promise<StateEntry> {
    checkNames(options);
    const write = this.#state.write(key, value, options); // check first: a refused value must not create a session
    return this.#session.store(
      (id) => stateUri(id, key),
      (id) => this.#state.set(id, { ...write, by: this.#session.by }),
    );
  }

  /**
   * Changes a value that other callers may change too. After a concurrent change, `change` is called again with the
   * new value. Returns the stored value.
   * @throws AppError as `set`; `conflict` when every attempt met a concurrent change
   */
  async update<T = unknown>(
    key: string,
    change: (value: T | undefined) => T | Promise<T>,
    options: Pick<SetOptions, "ttlSeconds"> = {},
  ): Promise<T> {
    if (typeof change !== "function")
      throw new AppError("invalid", "change: expected a function from the old value to the new.");
    for (let attempt = 1; ; attempt++) {
      const entry = await this.entry(key);
      const value = await change(entry && (JSON.parse(entry.value) as T));
      try {
        await this.set(key, value, { ...options, ifVersion: entry?.version ?? 0 });
        return value;
      } catch (error) {
        if (toAppError(error).code !== "conflict" || attempt === MAX_ATTEMPTS) throw error;
      }
      await sleep(Math.random() * Math.min(2 ** attempt, MAX_WAIT_MS));
    }
  }

  /** Returns true if the key existed. @throws AppError `conflict` or `forbidden` */
  async delete(key: string, ifVersion?: number): Promise<boolean> {
    const { current, by, checkWritable, remove } = this.#session;
    const { id } = current;
    checkWritable();
    return remove(stateUri(id, key), () => this.#state.delete(id, key, { ifVersion, by }));
  }

  /** Entries in key order: at most `limit`, and about a megabyte unless a single entry is larger. */
  async list(
    options: { prefix?: string; after?: string; limit?: number } = {},
  ): Promise<StatePage> {
    const { limit = LISTED } = options;
    checkLimit(limit);
    return this.#state.list(this.#session.current.id, { ...options, limit });
  }
}

const SET_OPTIONS = ["ttlSeconds", "ifVersion"];

/** JavaScript has no types: an option under another name would be lost in silence. @throws AppError `invalid` */
function checkNames(options: object = {}): void {
  const unknown = Object.keys(options).find((name) => !SET_OPTIONS.includes(name));
  if (unknown !== undefined)
    throw new AppError(
      "invalid",
      `${unknown} is no option; there are ${SET_OPTIONS.join(" and ")}.`,
    );
}

/** The messages of one session. */
export class SessionHistory {
  readonly #chat: Chat;
  readonly #search: HistorySearch;
  readonly #session: SessionParts;

  constructor({ chat, search }: { chat: Chat; search: HistorySearch }, session: SessionParts) {
    this.#chat = chat;
    this.#search = search;
    this.#session = session;
  }

  /** @throws AppError `forbidden` and others */
  async append({ role, content, requestKey }: Omit<NewMessage, "by">): Promise<Message> {
    // No other properties: a store would take them for columns. An empty key is none.
    const message = { role, content, requestKey: requestKey || undefined };
    this.#chat.checkMessage(message); // check first: a refused message must not create a session
    const { by } = this.#session;
    return this.#session.store(historyUri, (id) => this.#chat.append(id, { ...message, by }));
  }

  /**
   * The newest messages below `before`, in ascending order: at most `limit`, and about a megabyte unless a single
   * message is larger.
   */
  async page(options: { limit?: number; before?: number | undefined } = {}): Promise<MessagePage> {
    const { limit = LISTED, before } = options;
    checkLimit(limit);
    if (before !== undefined && !Number.isSafeInteger(before))
      throw new AppError("invalid", "before: expected the number of a message.");
    return this.#chat.page(this.#session.current.id, { limit, before });
  }

  /** The best matching messages. @throws AppError `invalid` for a query without a word, `limit` */
  async search(
    query: string,
    limit = FOUND,
    more?: SearchArguments,
    onNotice?: (notice: string) => void,
  ): Promise<Hit[]> {
    checkLimit(limit);
    return this.#search.search({ session: this.#session.current.id }, query, limit, more, onNotice);
  }

  /** The best matching facts of the state. @throws AppError `invalid` for a query without a word */
  facts(query: string, limit: number, more?: SearchArguments): Promise<FoundFact[]> {
    return this.#search.facts({ session: this.#session.current.id }, query, limit, more);
  }
}

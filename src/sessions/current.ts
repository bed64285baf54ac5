// Which session a call works in: the `session` argument; else the address's; else the client's own; else none.
import { AppError } from "../kernel/errors.ts";
import { isId, newId } from "../kernel/ids.ts";
import type { Caller, Session } from "./session.ts";
import type { Sessions } from "./sessions.ts";
import type { ClientStore } from "./store.ts";

/** The session of a call. A client's own session has its id from the start and its row from the first write on. */
export class CurrentSession {
  readonly id: string;
  #session: Session | undefined;
  readonly #make: () => Promise<Session>;
  #making: Promise<Session> | undefined;
  #hasId = true;

  constructor(id: string, make: () => Promise<Session>) {
    this.id = id;
    this.#make = make;
  }

  static of(session: Session): CurrentSession {
    const current = new CurrentSession(session.id, () => Promise.resolve(session));
    current.#session = session;
    return current;
  }

  /** The session of a name that nobody has used: there is nothing to see in it. */
  static unused(make: (id: string) => Promise<Session>): CurrentSession {
    const id = newId();
    const current = new CurrentSession(id, () => make(id));
    current.#hasId = false;
    return current;
  }

  /** Whether the id leads to this session. */
  get hasId(): boolean {
    return this.#hasId || this.#session !== undefined;
  }

  /** Undefined while nothing is stored yet. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** Makes the row if it is missing: called before anything is stored in the session. */
  async create(): Promise<Session> {
    if (this.#session !== undefined) return this.#session;
    this.#making ??= this.#make();
    try {
      return (this.#session = await this.#making);
    } finally {
      this.#making = undefined;
    }
  }
}

export class SessionResolver {
  readonly #sessions: Sessions;
  readonly #clients: ClientStore;
  readonly #onOpened: (caller: Caller) => Promise<void>;

  /** `onOpened` is told when an address has opened a session. */
  constructor(
    sessions: Sessions,
    clients: ClientStore,
    onOpened: (caller: Caller) => Promise<void> = async () => undefined,
  ) {
    this.#sessions = sessions;
    this.#clients = clients;
    this.#onOpened = onOpened;
  }

  /**
   * Undefined when nothing names a session. `look`: for calls that only read; a name that nobody has used stays unused.
   * @throws AppError `not_found` for a session that does not exist, has expired, or is another principal's
   */
  async resolve(
    caller: Caller,
    argument: string | undefined,
    { look = false }: { look?: boolean } = {},
  ): Promise<CurrentSession | undefined> {
    if (argument !== undefined) return this.#byId(caller, argument);
    const current = await this.#standing(caller, look);
    if (current?.session !== undefined) await this.#remember(caller, current.session);
    return current;
  }

  /** As `resolve`, for calls that only want to know: it makes nothing, and what is not there is undefined. */
  async peek({ principal, client, target }: Caller): Promise<CurrentSession | undefined> {
    const ref = target ?? (client && { id: client.id });
    const session = ref && (await this.#sessions.find(principal, ref));
    return session && CurrentSession.of(session);
  }

  /** Notes which session a client is there for that opens a stream before its first call. */
  async arrive(caller: Caller): Promise<void> {
    if (caller.client?.sessionId !== null) return;
    const current = await this.peek(caller);
    if (current?.session !== undefined) await this.#remember(caller, current.session);
  }

  /** What the address or the client itself stands for. */
  async #standing(caller: Caller, look: boolean): Promise<CurrentSession | undefined> {
    const { principal, client, target } = caller;
    if (target === undefined) return client && this.#own(caller, client.id);
    if ("id" in target) return this.#byId(caller, target.id);
    const found = look ? await this.#sessions.find(principal, target) : undefined;
    if (look) return found ? CurrentSession.of(found) : this.#unused(caller, target.name);
    return CurrentSession.of(await this.#named(caller, target.name));
  }

  async #named(caller: Caller, name: string): Promise<Session> {
    const { session, created } = await this.#sessions.open(caller.principal, { name });
    if (created) await this.#onOpened(caller);
    return session;
  }

  /** A name without a session: there is no id to give out before something is stored. */
  #unused(caller: Caller, name: string): CurrentSession {
    return CurrentSession.unused(async (id) => {
      const { session, created } = await this.#sessions.open(caller.principal, { name, id });
      if (created) await this.#onOpened(caller);
      if (session.id === id) return session;
      throw new AppError("busy", "Another program has just opened the session of this name.", {
        hint: "Call again.",
      });
    });
  }

  async #byId(caller: Caller, id: string): Promise<CurrentSession> {
    const session = await this.#sessions.find(caller.principal, { id });
    if (session !== undefined) return CurrentSession.of(session);
    // A header and a handle are the same string, also before anything is stored.
    const client = isId(id) ? await this.#clients.find(caller.principal.id, id) : undefined;
    const bound =
      client?.sessionId && (await this.#sessions.find(caller.principal, { id: client.sessionId }));
    if (bound) return CurrentSession.of(bound); // it works in a session that its address names
    if (client) return this.#own(caller, id);
    throw new AppError(
      "not_found",
      `There is no session ${JSON.stringify(id.slice(0, 64))}, or it has expired.`,
      {
        hint: "Call session_list to find your sessions, or session_open to start one.",
      },
    );
  }

  async #own(caller: Caller, id: string): Promise<CurrentSession> {
    const session = await this.#sessions.find(caller.principal, { id });
    if (session !== undefined) return CurrentSession.of(session);
    return new CurrentSession(id, async () => {
      const created = await this.#sessions.openOwn(caller.principal, id);
      if (caller.client?.id === id) await this.#remember(caller, created, false);
      return created;
    });
  }

  /** Notes which session the client works in, for people and for the cleanup job. `known`: trust what was read. */
  async #remember({ client }: Caller, session: Session, known = true): Promise<void> {
    if (client === undefined || (known && client.sessionId === session.id)) return;
    await this.#clients.setSession(client.id, session.id);
    client.sessionId = session.id;
  }
}

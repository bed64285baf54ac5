// The session of a call, in this order: the `session` argument; the address's; the client's own, if the client sends
// its id with each request; the setting `default-session`: the principal's home, a new one, or none.
import type { Principal } from "../auth/principal.ts";
import { AppError } from "../lib/errors.ts";
import { isId, newId } from "../lib/ids.ts";
import type { Caller, Client, Session, SessionTarget } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { ClientStore } from "../sessions/store.ts";

/** The name of a principal's session for calls that name none. */
export const HOME = "home";

/** The session of a call that names none and whose client has no session of its own. */
export type DefaultSession = "home" | "own" | "none";

type Opening = Promise<{ session: Session; created: boolean }>;

/** The session of a call. A new session gets its row with its first write. */
export class CurrentSession {
  readonly #id: string;
  readonly #open: (() => Opening) | undefined;
  readonly #leads: boolean;
  #session: Session | undefined;
  #opening: Opening | undefined;
  #opened = false;
  #onReady: ((session: Session) => Promise<void>) | undefined;

  /** `leads`: the id leads to this session already now. */
  private constructor(id: string, leads: boolean, open?: () => Opening, session?: Session) {
    this.#id = id;
    this.#leads = leads;
    this.#open = open;
    this.#session = session;
  }

  static of(session: Session): CurrentSession {
    return new CurrentSession(session.id, true, undefined, session);
  }

  /** A session with a known id but no row yet. */
  static own(id: string, open: () => Opening): CurrentSession {
    return new CurrentSession(id, true, open);
  }

  /** A new session that is empty and has no public id yet. */
  static unused(id: string, open: () => Opening): CurrentSession {
    return new CurrentSession(id, false, open);
  }

  /** The session's id. The first write may change it, if another program creates the session of this name meanwhile. */
  get id(): string {
    return this.#session?.id ?? this.#id;
  }

  /** True if the id leads to this session. */
  get hasId(): boolean {
    return this.#leads || this.#session !== undefined;
  }

  /** The row; undefined before the first write. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** True if this call has created the session. */
  get opened(): boolean {
    return this.#opened;
  }

  /** `act` runs once the session is there, before anything is stored in it. */
  whenCreated(act: (session: Session) => Promise<void>): void {
    this.#onReady = act;
  }

  /** Creates a missing row; call this before storing anything in the session. */
  async create(): Promise<Session> {
    if (this.#session !== undefined) return this.#session;
    this.#opening ??= this.#open!();
    try {
      const { session, created } = await this.#opening;
      await this.#onReady?.(session);
      this.#opened ||= created;
      return (this.#session = session);
    } finally {
      this.#opening = undefined;
    }
  }
}

export class SessionResolver {
  readonly #sessions: Sessions;
  readonly #clients: ClientStore;
  readonly #default: DefaultSession;

  constructor(sessions: Sessions, clients: ClientStore, defaultSession: DefaultSession = "home") {
    this.#sessions = sessions;
    this.#clients = clients;
    this.#default = defaultSession;
  }

  /**
   * The session of the call; undefined when nothing selects one. Creates nothing: see `CurrentSession.create`.
   * @throws AppError `not_found` for a session that does not exist, has expired, or is another principal's
   */
  async resolve(caller: Caller, argument: string | undefined): Promise<CurrentSession | undefined> {
    if (argument !== undefined) return this.#byId(caller, argument);
    const current = await this.#standing(caller);
    if (current?.session !== undefined) await this.#remember(caller, current.session);
    return current;
  }

  /** The session for a call that only reads, without an argument; undefined for a missing session. */
  async peek(caller: Caller): Promise<CurrentSession | undefined> {
    const ref =
      this.#address(caller) ?? (caller.own === undefined ? undefined : { id: caller.own });
    const session = ref && (await this.#sessions.find(caller.principal, ref));
    return session && CurrentSession.of(session);
  }

  /** Records the session of a client that opens a stream before its first call. */
  async arrive(caller: Caller): Promise<void> {
    if (caller.client?.sessionId !== null) return;
    const current = await this.peek(caller);
    if (current?.session !== undefined) await this.#remember(caller, current.session);
  }

  /** A new session for a call that selects none; undefined when `default-session` is `none`. */
  fresh(caller: Caller, id: string): CurrentSession | undefined {
    if (this.#default === "none") return undefined;
    return CurrentSession.unused(id, () => this.#make(caller, { id }));
  }

  /** The session that the address, the client or the setting selects. */
  async #standing(caller: Caller): Promise<CurrentSession | undefined> {
    const address = this.#address(caller);
    if (address === undefined)
      return caller.own === undefined ? undefined : this.#own(caller, caller.own);
    if ("id" in address) return this.#byId(caller, address.id);
    const found = await this.#sessions.find(caller.principal, address);
    if (found !== undefined) return CurrentSession.of(found);
    const id = newId();
    return CurrentSession.unused(id, () => this.#make(caller, { ...address, id }));
  }

  /** The address; for a caller without an address and an own session, that of the home. */
  #address({ target, own }: Caller): SessionTarget | undefined {
    if (target !== undefined || own !== undefined) return target;
    return this.#default === "home" ? { name: HOME } : undefined;
  }

  async #byId(caller: Caller, id: string): Promise<CurrentSession> {
    const session = await this.#sessions.find(caller.principal, { id });
    if (session !== undefined) return CurrentSession.of(session);
    // Resolve the handle of a client's own session, and its `Mcp-Session-Id`, before anything is stored in that
    // session.
    const client = isId(id) ? await this.#clientOf(caller.principal, id) : undefined;
    const bound =
      client?.sessionId && (await this.#sessions.find(caller.principal, { id: client.sessionId }));
    if (bound) return CurrentSession.of(bound); // the client works in a session that its address names
    if (client) return this.#own(caller, client.ownSessionId);
    throw new AppError(
      "not_found",
      `There is no session ${JSON.stringify(id.slice(0, 64))}, or it has expired.`,
      {
        hint: "Call session_list to find your sessions, or session_open to start one.",
      },
    );
  }

  /** The session of a handle, for reading; undefined before its first write. */
  async find(principal: Principal, id: string): Promise<Session | undefined> {
    const session = await this.#sessions.find(principal, { id });
    if (session !== undefined || !isId(id)) return session;
    const client = await this.#clientOf(principal, id);
    return (
      client && this.#sessions.find(principal, { id: client.sessionId ?? client.ownSessionId })
    );
  }

  async #clientOf({ id: owner }: Principal, id: string): Promise<Client | undefined> {
    return (
      (await this.#clients.findByOwnSession(owner, id)) ?? (await this.#clients.find(owner, id))
    );
  }

  async #own(caller: Caller, id: string): Promise<CurrentSession> {
    const session = await this.#sessions.find(caller.principal, { id });
    if (session !== undefined) return CurrentSession.of(session);
    return CurrentSession.own(id, () => this.#make(caller, { id }));
  }

  async #make(caller: Caller, ref: { id: string; name?: string }): Opening {
    const made = await this.#sessions.open(caller.principal, ref);
    // Do not record another client's session, named by the argument, as this client's session.
    if (ref.name !== undefined || ref.id === caller.own)
      await this.#remember(caller, made.session, !made.created);
    return made;
  }

  /**
   * Records the client's session, for display and for the cleanup job. `known`: the client's row in memory is up to
   * date.
   */
  async #remember({ client }: Caller, session: Session, known = true): Promise<void> {
    if (client === undefined || (known && client.sessionId === session.id)) return;
    await this.#clients.setSession(client.id, session.id);
    client.sessionId = session.id;
  }
}

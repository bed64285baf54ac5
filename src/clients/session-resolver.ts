// Which session a call works in: the `session` argument; else the address's; else the client's own, where the client
// brings its id with each request; else the setting `default-session`: the principal's home, a new one, or none.
import { AppError } from "../lib/errors.ts";
import { isId, newId } from "../lib/ids.ts";
import type { Principal } from "../auth/principal.ts";
import type { Caller, Client, Session, SessionTarget } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { ClientStore } from "../sessions/store.ts";

/** The name of each principal's session for whatever names none. */
export const HOME = "home";

/** Where a call works that names no session, and whose client has none of its own. */
export type DefaultSession = "home" | "own" | "none";

type Opening = Promise<{ session: Session; created: boolean }>;

/** The session of a call. One that is not there yet gets its row with the first thing that is stored in it. */
export class CurrentSession {
  readonly #id: string;
  readonly #open: (() => Opening) | undefined;
  readonly #leads: boolean;
  #session: Session | undefined;
  #opening: Opening | undefined;
  #opened = false;

  /** `leads`: whether the id leads to this session already now. */
  private constructor(id: string, leads: boolean, open?: () => Opening, session?: Session) {
    this.#id = id;
    this.#leads = leads;
    this.#open = open;
    this.#session = session;
  }

  static of(session: Session): CurrentSession {
    return new CurrentSession(session.id, true, undefined, session);
  }

  /** A session that is known by its id before it is there. */
  static own(id: string, open: () => Opening): CurrentSession {
    return new CurrentSession(id, true, open);
  }

  /** One that would be new: there is nothing to see in it, and no id to give out. */
  static unused(id: string, open: () => Opening): CurrentSession {
    return new CurrentSession(id, false, open);
  }

  /** May change with the first write, where another program opens the session of this name at the same time. */
  get id(): string {
    return this.#session?.id ?? this.#id;
  }

  /** Whether the id leads to this session. */
  get hasId(): boolean {
    return this.#leads || this.#session !== undefined;
  }

  /** Undefined while nothing is stored yet. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** Whether this call has made it. */
  get opened(): boolean {
    return this.#opened;
  }

  /** Makes the row if it is missing: called before anything is stored in the session. */
  async create(): Promise<Session> {
    if (this.#session !== undefined) return this.#session;
    this.#opening ??= this.#open!();
    try {
      const { session, created } = await this.#opening;
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
   * Undefined when nothing stands for a session. It makes nothing: see `CurrentSession.create`.
   * @throws AppError `not_found` for a session that does not exist, has expired, or is another principal's
   */
  async resolve(caller: Caller, argument: string | undefined): Promise<CurrentSession | undefined> {
    if (argument !== undefined) return this.#byId(caller, argument);
    const current = await this.#standing(caller);
    if (current?.session !== undefined) await this.#remember(caller, current.session);
    return current;
  }

  /** As `resolve` without an argument, for calls that only want to know: what is not there is undefined. */
  async peek(caller: Caller): Promise<CurrentSession | undefined> {
    const ref =
      this.#address(caller) ?? (caller.own === undefined ? undefined : { id: caller.own });
    const session = ref && (await this.#sessions.find(caller.principal, ref));
    return session && CurrentSession.of(session);
  }

  /** Notes which session a client is there for that opens a stream before its first call. */
  async arrive(caller: Caller): Promise<void> {
    if (caller.client?.sessionId !== null) return;
    const current = await this.peek(caller);
    if (current?.session !== undefined) await this.#remember(caller, current.session);
  }

  /** A new session for a call that nothing stands for; undefined where none is opened unasked. */
  fresh(caller: Caller, id: string): CurrentSession | undefined {
    if (this.#default === "none") return undefined;
    return CurrentSession.unused(id, () => this.#make(caller, { id }));
  }

  /** What the address, the client itself or the setting stands for. */
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

  /** The address; for a caller without one and without a session of its own, that of its home. */
  #address({ target, own }: Caller): SessionTarget | undefined {
    if (target !== undefined || own !== undefined) return target;
    return this.#default === "home" ? { name: HOME } : undefined;
  }

  async #byId(caller: Caller, id: string): Promise<CurrentSession> {
    const session = await this.#sessions.find(caller.principal, { id });
    if (session !== undefined) return CurrentSession.of(session);
    // The handle of a client's own session leads there before anything is stored; so does the client's `Mcp-Session-Id`.
    const client = isId(id) ? await this.#clientOf(caller.principal, id) : undefined;
    const bound =
      client?.sessionId && (await this.#sessions.find(caller.principal, { id: client.sessionId }));
    if (bound) return CurrentSession.of(bound); // it works in a session that its address names
    if (client) return this.#own(caller, client.ownSessionId);
    throw new AppError(
      "not_found",
      `There is no session ${JSON.stringify(id.slice(0, 64))}, or it has expired.`,
      {
        hint: "Call session_list to find your sessions, or session_open to start one.",
      },
    );
  }

  /** The session that a handle leads to, for reading; undefined where nothing is stored in it yet. */
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
    // Another client's session, named by the argument, is not what this one works in.
    if (ref.name !== undefined || ref.id === caller.own)
      await this.#remember(caller, made.session, !made.created);
    return made;
  }

  /** Notes which session the client works in, for people and for the cleanup job. `known`: trust what was read. */
  async #remember({ client }: Caller, session: Session, known = true): Promise<void> {
    if (client === undefined || (known && client.sessionId === session.id)) return;
    await this.#clients.setSession(client.id, session.id);
    client.sessionId = session.id;
  }
}

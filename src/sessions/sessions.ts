// The operations on sessions, for their owners. Every access names the principal first. A session without access is
// answered exactly like one that does not exist.
import type { Audit } from "../auth/audit.ts";
import type { Principal } from "../auth/principal.ts";
import { EMPTY_AGE_MS } from "../jobs/cleanup.ts";
import type { Activity } from "../lib/activity.ts";
import { isId, newId } from "../lib/ids.ts";
import { isTrue } from "../lib/is-true.ts";
import { textFault } from "../lib/text/text.ts";
import type { SessionAccessControl } from "./access.ts";
import type { Session, SessionCounts } from "./session.ts";
import { Shares } from "./shares.ts";
import type {
  Clearable,
  CreatedSession,
  SessionChanges,
  SessionPage,
  SessionStore,
  ListOptions,
} from "./store.ts";
import { checkName, checkTexts } from "./texts.ts";

export interface NewSession {
  name?: string | undefined;
  title?: string | undefined;
  system?: string | undefined;
  /** A session with a short lifetime that ends with the client that opened it. */
  temporary?: boolean | undefined;
  /** Id of that client, if there is one. */
  openedBy?: string | undefined;
  /** Id for a new session; default: a new id. An existing session of this id is returned. */
  id?: string | undefined;
}

export interface SessionsParts {
  store: SessionStore;
  access: SessionAccessControl;
  audit: Audit;
  activity: Activity;
  maxAgeMs: () => number;
  /** End of the wait of sessions that are due by that age; undefined when none waits. */
  waitsUntil(): number | undefined;
  /** Lifetime of a temporary session after its last activity, in ms. */
  temporaryMs: number;
  /** Maximum number of sessions per principal. */
  maxSessions: number;
}

export class Sessions {
  readonly shares: Shares;
  readonly #store: SessionStore;
  readonly #access: SessionAccessControl;
  readonly #audit: Audit;
  readonly #activity: Activity;
  readonly #maxAgeMs: () => number;
  readonly #waitsUntil: () => number | undefined;
  readonly #temporaryMs: number;
  readonly #maxSessions: number;

  constructor(parts: SessionsParts) {
    const { store, access, audit, activity, maxAgeMs, temporaryMs, maxSessions } = parts;
    this.shares = new Shares(parts);
    this.#waitsUntil = () => parts.waitsUntil();
    this.#store = store;
    this.#access = access;
    this.#audit = audit;
    this.#activity = activity;
    this.#maxAgeMs = maxAgeMs;
    this.#temporaryMs = temporaryMs;
    this.#maxSessions = maxSessions;
  }

  /**
   * The session of that id or name, marked as active; undefined when it does not exist or the principal has no access.
   */
  async find(
    principal: Principal,
    ref: { id: string } | { name: string },
  ): Promise<Session | undefined> {
    if ("id" in ref && !isId(ref.id)) return undefined;
    const id = "id" in ref ? ref.id : (await this.#store.findByName(principal.id, ref.name))?.id;
    const session = id === undefined ? undefined : await this.#access.canAccess(principal, id);
    if (session !== undefined) this.#activity.note(session.id);
    return session;
  }

  /** Creates a session, or returns the principal's live session of that name. */
  async open(
    principal: Principal,
    { name, title, system, temporary = false, openedBy, id = newId() }: NewSession = {},
  ): Promise<{ session: Session; created: boolean }> {
    if (name !== undefined) {
      checkName(name);
      const session = await this.find(principal, { name });
      if (session !== undefined) return { session, created: session.id === id }; // an earlier run of this call may have created it
    }
    checkTexts({ title, system });
    const brief = temporary && { keepMs: this.#temporaryMs, openedBy: openedBy ?? null };
    return this.#create(principal, { id, name, title, system, ...brief });
  }

  /**
   * Checks the right to change a session, or a principal's right to create one.
   * @throws AppError `forbidden` without that right
   */
  checkWritable(session: Session | Principal): void {
    if ("owner" in session) this.#access.canModify(session);
    else this.#access.canCreate(session);
  }

  async update(principal: Principal, session: Session, changes: SessionChanges): Promise<Session> {
    this.#access.canModify(session);
    checkTexts(changes);
    if (changes.name != null) checkName(changes.name);
    return { ...(await this.#store.update(session.id, changes, principal)), ...access(session) };
  }

  async clear(principal: Principal, session: Session, what: Clearable): Promise<void> {
    this.#access.canModify(session);
    await this.#audit.noteWith(
      principal,
      "session cleared",
      session.id,
      () => this.#store.clear(session.id, what, principal),
      { done: isTrue, detail: () => what },
    );
  }

  /** Returns the numbers of the deleted messages. @throws AppError `forbidden` or `busy` */
  async deleteMessages(
    principal: Principal,
    session: Session,
    seqs: readonly number[],
  ): Promise<number[]> {
    this.#access.canModify(session);
    return this.#audit.noteWith(
      principal,
      "message deleted",
      session.id,
      () => this.#store.deleteMessages(session.id, seqs, principal),
      {
        done: (deleted) => (deleted as number[]).length > 0,
        detail: (deleted) => (deleted as number[]).map((seq) => `#${seq}`).join(", "),
      },
    );
  }

  async delete(principal: Principal, session: Session): Promise<void> {
    this.#access.canOwn(session);
    await this.#audit.noteWith(
      principal,
      "session deleted",
      session.id,
      () => this.#store.delete(session.id, principal),
      { done: isTrue },
    );
  }

  /** Deletes a session that was created for a write that failed. */
  deleteEmpty(id: string): Promise<void> {
    return this.#store.deleteEmpty(id);
  }

  /**
   * Gives the session to another principal; `named` is true if it kept its name. @throws AppError `forbidden`,
   * `invalid` or `limit`
   */
  async give(
    principal: Principal,
    session: Session,
    to: string,
  ): Promise<{ session: Session; named: boolean }> {
    this.#access.canOwn(session);
    checkName(to, "to");
    if (to === session.owner) return { session, named: true };
    return this.#audit.noteWith(
      principal,
      "session given",
      session.id,
      () => this.#store.give(session.id, to, this.#maxSessions, principal),
      { detail: () => `from ${session.owner} to ${to}` },
    );
  }

  /** `except` is a client that does not count as a connection. */
  counts(id: string, except?: string): Promise<SessionCounts> {
    return this.#store.counts(id, except);
  }

  async list(principal: Principal, options: ListOptions): Promise<SessionPage> {
    // No title holds text that cannot be stored, and PostgreSQL refuses to look for it.
    if (textFault(options.query ?? "") !== undefined) return { sessions: [] };
    const page = await this.#store.list(principal.id, options);
    const sessions = page.sessions.map((found) => {
      const access = this.#access.accessOf(principal, found.owner, found.access);
      return access === undefined ? found : { ...found, access };
    });
    return { ...page, sessions };
  }

  /** Finds a session like `find`, but without marking it as active. */
  async look(principal: Principal, id: string): Promise<Session | undefined> {
    return this.#access.canAccess(principal, id);
  }

  /** The principal's own session of that name, without marking it as active. */
  named(principal: Principal, name: string): Promise<Session | undefined> {
    return this.#store.findByName(principal.id, name);
  }

  /** Number of all sessions in `list`. */
  total(principal: Principal): Promise<number> {
    return this.#store.total(principal.id);
  }

  /** Number of the principal's own sessions that go within that time if nobody uses them; temporary ones do not count. */
  async going(principal: Principal, withinMs: number): Promise<number> {
    const [now, later] = await Promise.all([
      this.#store.lasting(principal.id, 0),
      this.#store.lasting(principal.id, withinMs),
    ]);
    return now - later;
  }

  async #create(
    principal: Principal,
    session: Omit<CreatedSession, "owner">,
  ): Promise<{ session: Session; created: boolean }> {
    this.#access.canCreate(principal);
    const made = await this.#audit.noteWith(
      principal,
      "session created",
      session.id,
      () => this.#store.create({ ...session, owner: principal.id }, this.#maxSessions, principal),
      { done: (result) => (result as { created: boolean }).created },
    );
    return { ...made, session: { ...made.session, access: "own" } };
  }

  /** Time at which an unused session will be deleted, in milliseconds; null for never. */
  expiresAt(session: Lifetime): number | null {
    const { pinned, lastActiveAt, keepMs } = session;
    if (pinned) return null;
    const byAge =
      lastActiveAt + Math.min(this.#maxAgeMs(), isEmpty(session) ? EMPTY_AGE_MS : Infinity);
    const due = Math.min(
      Math.max(byAge, this.#waitsUntil() ?? 0),
      lastActiveAt + (keepMs ?? Infinity),
    );
    return due === Infinity ? null : due;
  }
}

/** The fields that decide a session's expiry; without counts, the session counts as not empty. */
export type Lifetime = Pick<
  Session,
  "pinned" | "lastActiveAt" | "keepMs" | "name" | "title" | "system"
> &
  Partial<SessionCounts>;

const isEmpty = ({ name, title, system, messages = 1, stateKeys = 1 }: Lifetime): boolean =>
  (name ?? title ?? system) === null && messages + stateKeys === 0;

const access = ({ access }: Session) => (access === undefined ? {} : { access });

// The ports for sessions and clients. Every method is one whole operation, committed when its promise resolves. An
// expired session counts as absent, even before the cleanup job has deleted it.
import type { Principal } from "../auth/principal.ts";
import type { Expiring } from "../lib/expiring.ts";
import type { Client, Session, SessionCounts } from "./session.ts";

/** Fields of a listed session beside the session itself. */
export interface ListedFacts {
  /** The beginning of the first message, for a session without name and title. */
  opening: string | null;
  /** The beginning of its newest message; null without messages. */
  lastLine: string | null;
  /** Time of its newest message, which an import may have brought; null without messages. */
  lastMessageAt: number | null;
  /** The program that used the session last, among the known ones. */
  program: string | null;
  /** Number of principals that it is shared with. */
  shares: number;
}

/** Time from which the last use of a session says little about its messages, in milliseconds. */
const OLD_MS = 86_400_000;

/** True if its newest message is much older than its last use, as after an import. */
export const hasOldMessages = ({
  lastActiveAt,
  lastMessageAt,
}: Pick<Session & ListedFacts, "lastActiveAt" | "lastMessageAt">): boolean =>
  lastMessageAt !== null && lastActiveAt - lastMessageAt > OLD_MS;

/** One page of `list`, newest activity first. */
export interface SessionPage {
  sessions: (Session & SessionCounts & ListedFacts)[];
  /** The cursor of the next page; absent on the last page. */
  nextCursor?: string;
}

/** The part of a principal's sessions that a list shows. */
export type ListPart = "own" | "shared" | "pinned";

export interface ListOptions {
  /** Searched in names and titles, case-insensitively. */
  query?: string;
  /** Search the beginning of ids too. */
  byId?: boolean;
  /** Without it, all of them. `shared`: by others; `pinned`: own ones. */
  only?: ListPart | undefined;
  limit: number;
  cursor?: string;
}

export interface SessionChanges {
  /** @throws AppError `conflict` when another session of the owner has this name */
  name?: string | null;
  title?: string | null;
  system?: string | null;
  pinned?: boolean;
}

/** The part of a session to clear. */
export type Clearable = "history" | "state" | "all";

/** A share of a session. */
export interface Grant {
  principal: string;
  access: "read" | "write";
  /** Present until the other principal accepts the share; a pending share gives no access. */
  pending?: true;
}

/** Maximum number of sessions shared with one principal; a search covers all of them. */
export const MAX_TAKEN = 1_000;

/** An offer to share a session. */
export interface Offer {
  session: string;
  owner: string;
  access: Grant["access"];
}

/** A share as lists of shares have it. */
export interface Share {
  session: string;
  name: string | null;
  title: string | null;
  owner: string;
  principal: string;
  access: Grant["access"];
  pending: boolean;
  createdAt: number;
}

/** Maximum numbers of pending offers. */
export interface OfferLimits {
  ofGiver: number;
  ofTaker: number;
  /** Maximum from one giver to one taker. */
  between: number;
}

/** The fields of a new session; absent ones become null. */
export type CreatedSession = Pick<Session, "id" | "owner"> & {
  [K in "name" | "title" | "system" | "keepMs" | "openedBy"]?: Session[K] | undefined;
};

/** `by` is the principal of a write, which must still have access; absent for the program itself. */
export interface SessionStore extends Expiring {
  /** The session of any owner; for callers that check access afterwards. */
  findById(id: string): Promise<Session | undefined>;
  findByName(owner: string, name: string): Promise<Session | undefined>;
  /**
   * Creates a session, or returns the owner's live session of that name or id.
   * @throws AppError `not_found` when the id belongs to another owner, `limit` when the owner has `max` already
   */
  create(
    session: CreatedSession,
    max?: number,
    by?: Principal,
  ): Promise<{ session: Session; created: boolean }>;
  /** @throws AppError `not_found` */
  update(id: string, changes: SessionChanges, by?: Principal): Promise<Session>;
  clear(id: string, what: Clearable, by?: Principal): Promise<void>;
  /**
   * Deletes single messages with all that holds their text: a summary that covers one, a title made from one. The
   * others keep their numbers, and no number is reused. Returns the numbers of the deleted messages, ascending.
   * @throws AppError `busy` while a question is being answered
   */
  deleteMessages(id: string, seqs: readonly number[], by?: Principal): Promise<number[]>;
  /** Deletes the session if nothing is stored in it. */
  deleteEmpty(id: string): Promise<void>;
  /**
   * Changes the owner. A name that the new owner already uses is dropped; `named` says so. The new owner's grant is
   * deleted; all others stay.
   * @throws AppError `limit` when the new owner has `max` already, `not_found`
   */
  give(
    id: string,
    owner: string,
    max: number,
    by?: Principal,
  ): Promise<{ session: Session; named: boolean }>;
  /** Deletes the session with everything it owns. A large session disappears at once, and its rows go afterwards. */
  delete(id: string, by?: Principal): Promise<void>;
  /** Resolves when the rows of all large sessions that this process deleted are gone. */
  purged(): Promise<void>;
  /** `except` is a client that does not count as a connection. */
  counts(id: string, except?: string): Promise<SessionCounts>;
  /** The access that a share gives to a principal. */
  granted(id: string, principal: string): Promise<Grant["access"] | undefined>;
  /** True if a key, a session, a client or an audit entry names that principal. */
  knows(principal: string): Promise<boolean>;
  /** All shares by principal, including pending ones. */
  grants(id: string): Promise<Grant[]>;
  /**
   * Offers a share, or changes an accepted one; `max` is the limit per session.
   * @throws AppError `limit` for one too many
   */
  offer(id: string, grant: Grant, max: number, limits: OfferLimits, by?: Principal): Promise<void>;
  /** Shares that a principal gives or gets, or those of all; pending ones too, the newest first. */
  shares(of: string | undefined, limit: number): Promise<Share[]>;
  /** A principal's pending offers, the oldest first. */
  offers(principal: string): Promise<Offer[]>;
  /** Turns an offer into a grant; undefined without an offer. @throws AppError `limit` when the principal has `max` */
  accept(id: string, principal: string, max: number, by?: Principal): Promise<Offer | undefined>;
  /** Refuses an offer or gives up a grant; false without either. */
  leave(id: string, principal: string, by?: Principal): Promise<boolean>;
  /** Adds or replaces a grant. @throws AppError `limit` for one too many */
  grant(id: string, grant: Grant, max: number, by?: Principal): Promise<void>;
  /** Deletes a grant; false if there was none. */
  ungrant(id: string, principal: string, by?: Principal): Promise<boolean>;
  /**
   * Sessions of `owner` and those shared with it; all sessions without an owner.
   * @throws AppError `invalid` for a wrong cursor
   */
  list(owner: string | undefined, options: ListOptions): Promise<SessionPage>;
  /** Number of `owner`'s sessions in `list` without a query. */
  total(owner: string): Promise<number>;
  /** Number of the owner's own sessions that are not temporary and still there in so many ms if nobody uses them. */
  lasting(owner: string, inMs: number): Promise<number>;
  /** Stores the activity of sessions (session id → milliseconds); an older time changes nothing. */
  touch(times: ReadonlyMap<string, number>): Promise<void>;
  /**
   * Records the sessions in which an instance's calls began or ended; the former are in use. No effect on an unknown
   * session or instance.
   */
  changeRunning(
    instanceId: string,
    change: { added: readonly string[]; removed: readonly string[] },
  ): Promise<void>;
}

/** A client that is connected now, for people who look. */
export type ConnectedClient = Pick<
  Client,
  "owner" | "name" | "version" | "protocolVersion" | "createdAt" | "lastSeenAt"
>;

export interface ClientStore extends Expiring {
  /** The clients that are connected to any process, of this owner or of all; the last seen first. */
  connected(owner: string | undefined, limit: number): Promise<ConnectedClient[]>;
  /**
   * Creates a client, with subscriptions to these uris or not at all. If its credentials have the maximum number of
   * clients, the one that was idle longest ends.
   * @throws AppError `limit` when all of them are connected, or as `subscribe`
   */
  create(client: Client, subscribed?: { uris: readonly string[]; max: number }): Promise<void>;
  /** The client; undefined when unknown, ended, expired or another owner's. */
  find(owner: string, id: string): Promise<Client | undefined>;
  /** The client by the id of its own session. */
  findByOwnSession(owner: string, sessionId: string): Promise<Client | undefined>;
  /** Makes these the client's credentials. */
  setCredentials(id: string, credentials: Pick<Client, "credentials" | "scope">): Promise<void>;
  /**
   * Ends the client and deletes its subscriptions, its outbox, its streams with their open requests, and its
   * `initialize`. Its session stays; temporary sessions that it opened are deleted.
   */
  end(id: string): Promise<void>;
  setLogLevel(id: string, level: string): Promise<void>;
  setSession(id: string, sessionId: string): Promise<void>;
  /** Marks these clients as present until that time. */
  present(ids: readonly string[], until: number): Promise<void>;
  /**
   * Records the clients that connected to an instance or left it. Callers do not await it. No effect on an unknown
   * client or instance.
   */
  changeConnections(
    instanceId: string,
    change: { added: readonly string[]; removed: readonly string[] },
  ): Promise<void>;
  /** Begins the client's next epoch and returns its number; undefined for a client that has ended. */
  nextEpoch(id: string): Promise<number | undefined>;
  touch(times: ReadonlyMap<string, number>): Promise<void>;
}

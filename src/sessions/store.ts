// The ports that keep sessions and clients. Every method is one whole operation: committed when its promise resolves.
// An expired session is answered as if it were not there, even before the cleanup job has deleted it.
import type { Expiring } from "../lib/expiring.ts";
import type { Principal } from "../auth/principal.ts";
import type { Client, Session, SessionCounts } from "./session.ts";

/** What a list tells beside the session itself. */
export interface ListedFacts {
  /** How the first message begins, where neither a name nor a title tells what it is about. */
  opening: string | null;
  /** The program that used it last, of those that are known by now. */
  program: string | null;
  /** With how many principals it is shared. */
  shares: number;
}

/** What `list` gives: newest activity first. */
export interface SessionPage {
  sessions: (Session & SessionCounts & ListedFacts)[];
  /** Give it back to go on; absent at the end. */
  nextCursor?: string;
}

export interface SessionChanges {
  /** @throws AppError `conflict` when another session of the owner has it */
  name?: string | null;
  title?: string | null;
  system?: string | null;
  pinned?: boolean;
}

/** A part of a session that can be emptied on its own. */
export type Clearable = "history" | "state" | "all";

/** Somebody whom the owner lets in. */
export interface Grant {
  principal: string;
  access: "read" | "write";
  /** Present while the other side has not accepted it: nobody is let in by it. */
  pending?: true;
}

/** So many sessions of others can be shared with one principal; a search covers all of them. */
export const MAX_TAKEN = 1_000;

/** A session that somebody has offered to share. */
export interface Offer {
  session: string;
  owner: string;
  access: Grant["access"];
}

/** How many shares may wait. */
export interface OfferLimits {
  ofGiver: number;
  ofTaker: number;
  /** Of one giver to one taker. */
  between: number;
}

/** What a session is made with; what is absent is null. */
export type CreatedSession = Pick<Session, "id" | "owner"> & {
  [K in "name" | "title" | "system" | "keepMs" | "openedBy"]?: Session[K] | undefined;
};

/** `by`: who does it, and must still be allowed to; absent for the program itself. */
export interface SessionStore extends Required<Expiring> {
  /** Whoever owns it: only for who then decides about access. */
  findById(id: string): Promise<Session | undefined>;
  find(owner: string, ref: { id: string } | { name: string }): Promise<Session | undefined>;
  /**
   * Makes a session, or returns the owner's living one of that name or id.
   * @throws AppError `not_found` when the id belongs to somebody else, `limit` when the owner has `max` already
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
   * Deletes single messages, and what else holds their words: a summary that covers one, a title that was made of one.
   * The others keep their numbers, and no number is given twice. Resolves to those that were there, ascending.
   * @throws AppError `busy` while a question is being answered
   */
  deleteMessages(id: string, seqs: readonly number[], by?: Principal): Promise<number[]>;
  /** Deletes the session unless something is stored in it. */
  deleteEmpty(id: string): Promise<void>;
  /**
   * Makes somebody else its owner. A name that the new owner uses already is left out: `named` tells. Nobody's grants
   * change but the new owner's, who needs none.
   * @throws AppError `limit` when the new owner has `max` already, `not_found`
   */
  give(
    id: string,
    owner: string,
    max: number,
    by?: Principal,
  ): Promise<{ session: Session; named: boolean }>;
  /** Deletes the session with everything it owns. A large one is not there any more at once, and its rows go afterwards. */
  delete(id: string, by?: Principal): Promise<void>;
  /** Resolves when nothing is left of the large sessions that this process has deleted. */
  purged(): Promise<void>;
  /** `except`: a client that is not counted among the connections. */
  counts(id: string, except?: string): Promise<SessionCounts>;
  /** What a principal other than the owner may do. */
  granted(id: string, principal: string): Promise<Grant["access"] | undefined>;
  /** Whether anybody of that name has a key or a session, has been here as a program, or is in the audit. */
  knows(principal: string): Promise<boolean>;
  /** In the order of their names, also those that wait. */
  grants(id: string): Promise<Grant[]>;
  /**
   * Offers a share, or changes one that was accepted; `max`: of the session, in all.
   * @throws AppError `limit` for one too many
   */
  offer(id: string, grant: Grant, max: number, limits: OfferLimits, by?: Principal): Promise<void>;
  /** Those that wait for a principal, the oldest first. */
  offers(principal: string): Promise<Offer[]>;
  /** Makes an offer a grant; undefined when there is none. @throws AppError `limit` when the principal has `max` */
  accept(id: string, principal: string, max: number, by?: Principal): Promise<Offer | undefined>;
  /** Refuses an offer, or gives a grant back; false when there was neither. */
  leave(id: string, principal: string, by?: Principal): Promise<boolean>;
  /** Replaces an earlier grant. @throws AppError `limit` for one too many */
  grant(id: string, grant: Grant, max: number, by?: Principal): Promise<void>;
  /** False when there was none. */
  ungrant(id: string, principal: string, by?: Principal): Promise<boolean>;
  /** Those of `owner`, and those that others have shared with it; everybody's without one. `query` is found in names and
   * titles, case-insensitively; with `byId` also at the beginning of ids. @throws AppError `invalid` for a wrong cursor */
  list(
    owner: string | undefined,
    options: { query?: string; byId?: boolean; limit: number; cursor?: string },
  ): Promise<SessionPage>;
  /** How many `list` has for `owner`, without a query. */
  total(owner: string): Promise<number>;
  /** Notes activity at the given times (session id → milliseconds); an older time changes nothing. */
  touch(times: ReadonlyMap<string, number>): Promise<void>;
  /**
   * Notes in which sessions calls of an instance run, and in which no more: the former are in use. It does nothing for a
   * session or an instance that is not there.
   */
  changeRunning(
    instanceId: string,
    change: { added: readonly string[]; removed: readonly string[] },
  ): Promise<void>;
}

export interface ClientStore extends Expiring {
  /**
   * Where its credentials have as many as they may, the one of theirs that was idle for longest ends.
   * @throws AppError `limit` when all of them are connected
   */
  create(client: Client): Promise<void>;
  /** Undefined for what is unknown, ended, expired or another owner's. */
  find(owner: string, id: string): Promise<Client | undefined>;
  /** As `find`, by the id of the session that the client has to itself. */
  findByOwnSession(owner: string, sessionId: string): Promise<Client | undefined>;
  /** From now on it is theirs who come with these credentials. */
  setCredentials(id: string, credentials: Pick<Client, "credentials" | "scope">): Promise<void>;
  /**
   * Ends the client, with its subscriptions, its outbox and what it said of itself. Its session stays, the temporary ones
   * that it has opened go.
   */
  end(id: string): Promise<void>;
  setLogLevel(id: string, level: string): Promise<void>;
  setSession(id: string, sessionId: string): Promise<void>;
  /** Notes that these clients are connected, and will be until then. */
  present(ids: readonly string[], until: number): Promise<void>;
  /**
   * Notes which clients have come to an instance and which have left it. It is not awaited by anybody who is told, and
   * does nothing for a client or an instance that is not there.
   */
  changeConnections(
    instanceId: string,
    change: { added: readonly string[]; removed: readonly string[] },
  ): Promise<void>;
  /** Begins the client's next epoch; resolves to its number. */
  nextEpoch(id: string): Promise<number>;
  touch(times: ReadonlyMap<string, number>): Promise<void>;
}

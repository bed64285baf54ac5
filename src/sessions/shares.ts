// Sessions that are shared with other principals. A share is offered first, and gives access when the other accepts it.
import type { Audit } from "../auth/audit.ts";
import type { Principal } from "../auth/principal.ts";
import { AppError } from "../lib/errors.ts";
import { isTrue } from "../lib/is-true.ts";
import type { SessionAccessControl } from "./access.ts";
import type { Session } from "./session.ts";
import {
  type Grant,
  MAX_TAKEN,
  type Offer,
  type OfferLimits,
  type SessionStore,
  type Share,
} from "./store.ts";
import { checkName } from "./texts.ts";

const MAX_GRANTS = 100;
/** Limits of pending offers, so that a principal can neither fill another's list nor lock others out of it. */
const OFFER_LIMITS: OfferLimits = { ofGiver: 100, ofTaker: 100, between: 10 };

export class Shares {
  readonly #store: SessionStore;
  readonly #access: SessionAccessControl;
  readonly #audit: Audit;

  constructor(parts: { store: SessionStore; access: SessionAccessControl; audit: Audit }) {
    this.#store = parts.store;
    this.#access = parts.access;
    this.#audit = parts.audit;
  }

  /** The principals that the session is shared with. */
  grants({ id }: Session): Promise<Grant[]> {
    return this.#store.grants(id);
  }

  /**
   * Offers to share the session, which the other principal may accept; with `accepted`, shares it at once. Returns
   * true if this server has seen that principal.
   * @throws AppError `forbidden`, `invalid` or `limit`
   */
  async share(
    principal: Principal,
    session: Session,
    grant: Grant,
    { accepted = false } = {},
  ): Promise<boolean> {
    this.#access.canOwn(session);
    checkName(grant.principal, "principal");
    if (grant.principal === session.owner)
      throw new AppError("invalid", "principal: that is the owner of the session.");
    const isKnown = await this.#store.knows(grant.principal);
    await this.#audit.noteWith(
      principal,
      "session shared",
      session.id,
      () =>
        accepted
          ? this.#store.grant(session.id, grant, MAX_GRANTS, principal)
          : this.#store.offer(session.id, grant, MAX_GRANTS, OFFER_LIMITS, principal),
      { detail: () => `${grant.access} for ${grant.principal}` },
    );
    return isKnown;
  }

  /** Shares that the principal gives or gets, the newest first. */
  of({ id }: Principal, limit: number): Promise<Share[]> {
    return this.#store.shares(id, limit);
  }

  /** The shares of all, for the operator. */
  all(limit: number): Promise<Share[]> {
    return this.#store.shares(undefined, limit);
  }

  /** Pending offers of other principals, the oldest first. */
  offers(principal: Principal): Promise<Offer[]> {
    return this.#store.offers(principal.id);
  }

  /** Accepts an offer. @throws AppError `not_found`, `forbidden` or `limit` */
  async accept(principal: Principal, id: string): Promise<Offer> {
    this.#access.canCreate(principal);
    const offer = await this.#audit.noteWith(
      principal,
      "session accepted",
      id,
      () => this.#store.accept(id, principal.id, MAX_TAKEN, principal),
      {
        done: (found) => found !== undefined,
        detail: (found) => `${(found as Offer).access} of ${(found as Offer).owner}`,
      },
    );
    if (offer === undefined)
      throw new AppError("not_found", "No share of this session waits for you.", {
        hint: "session_accept without `session` shows those that wait.",
      });
    return offer;
  }

  /** Refuses an offer or leaves a shared session; true if there was either. @throws AppError `forbidden` */
  async leave(principal: Principal, id: string): Promise<boolean> {
    this.#access.canCreate(principal);
    return this.#audit.noteWith(
      principal,
      "session left",
      id,
      () => this.#store.leave(id, principal.id, principal),
      { done: isTrue },
    );
  }

  /** Returns true if the session was shared with that principal. */
  async unshare(principal: Principal, session: Session, other: string): Promise<boolean> {
    this.#access.canOwn(session);
    return this.#audit.noteWith(
      principal,
      "session unshared",
      session.id,
      () => this.#store.ungrant(session.id, other, principal),
      { done: isTrue, detail: () => other },
    );
  }
}

// Who may do what with a session: the one place that decides. What a principal may not see is answered everywhere like
// what does not exist.
import { may, type Principal } from "../auth/principal.ts";
import { AppError } from "../lib/errors.ts";
import type { Access, Session } from "./session.ts";
import type { SessionStore } from "./store.ts";

export class SessionAccessControl {
  readonly #store: Pick<SessionStore, "findById" | "granted">;

  constructor(store: Pick<SessionStore, "findById" | "granted">) {
    this.#store = store;
  }

  /** The session of this id with what the principal may do with it; undefined when that is nothing. */
  async canAccess(principal: Principal, id: string): Promise<Session | undefined> {
    const session = await this.#store.findById(id);
    if (session === undefined) return undefined;
    const access = await this.#accessTo(principal, session);
    return access && { ...session, access };
  }

  /** @throws AppError `forbidden` */
  canModify(session: Pick<Session, "access">): void {
    checkModify(session);
  }

  /** Deleting and sharing are the owner's. @throws AppError `forbidden` */
  canOwn(session: Pick<Session, "access">): void {
    checkOwn(session);
  }

  /** @throws AppError `forbidden` */
  canCreate(principal: Principal): void {
    if (!may(principal, "write"))
      throw new AppError("forbidden", "Your credentials allow reading only.");
  }

  /** As `canAccess`, for what a list has found for the principal, with the grant that led to it. */
  accessOf(principal: Principal, owner: string, granted: Access | undefined): Access | undefined {
    return accessOf(principal, owner, granted);
  }

  async #accessTo(principal: Principal, { id, owner }: Session): Promise<Access | undefined> {
    const isOwn = this.accessOf(principal, owner, undefined) !== undefined;
    return this.accessOf(
      principal,
      owner,
      isOwn ? undefined : await this.#store.granted(id, principal.id),
    );
  }
}

/** What a principal may do with the session of an owner, who may have granted it something. */
export function accessOf(
  principal: Principal,
  owner: string,
  granted: Access | undefined,
): Access | undefined {
  // The operator's credentials open every session; having asked for none does not.
  const isOwn = owner === principal.id || principal.scope === "admin";
  const access = isOwn ? "own" : granted;
  return access !== undefined && !may(principal, "write") ? "read" : access;
}

/** @throws AppError `forbidden` */
export function checkModify({ access }: Pick<Session, "access">): void {
  if (access === "read")
    throw new AppError("forbidden", "You may read this session, but not change it.", {
      hint: "Its owner can allow that with session_share; session_open starts one of your own.",
    });
}

/** @throws AppError `forbidden` */
export function checkOwn({ access }: Pick<Session, "access">): void {
  if (access !== "own")
    throw new AppError("forbidden", "Only the owner of this session may do that.");
}

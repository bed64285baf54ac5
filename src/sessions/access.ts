// Access of principals to sessions, decided in this one place. A session without access is answered exactly like one
// that does not exist.
import { may, type Principal } from "../auth/principal.ts";
import { AppError } from "../lib/errors.ts";
import type { Access, Session } from "./session.ts";
import type { SessionStore } from "./store.ts";

export class SessionAccessControl {
  readonly #store: Pick<SessionStore, "findById" | "granted">;

  constructor(store: Pick<SessionStore, "findById" | "granted">) {
    this.#store = store;
  }

  /** The session and the principal's access to it, or undefined without access. */
  async canAccess(principal: Principal, id: string): Promise<Session | undefined> {
    const session = await this.#store.findById(id);
    if (session === undefined) return undefined;
    const { owner } = session;
    const isOwn = this.accessOf(principal, owner, undefined) !== undefined;
    const granted = isOwn ? undefined : await this.#store.granted(id, principal.id);
    const access = this.accessOf(principal, owner, granted);
    return access && { ...session, access };
  }

  /** @throws AppError `forbidden` */
  canModify(session: Pick<Session, "access">): void {
    checkModify(session);
  }

  /** Checks for the owner's rights, which deleting and sharing need. @throws AppError `forbidden` */
  canOwn(session: Pick<Session, "access">): void {
    checkOwn(session);
  }

  /** @throws AppError `forbidden` */
  canCreate(principal: Principal): void {
    if (!may(principal, "write"))
      throw new AppError("forbidden", "Your credentials allow reading only.");
  }

  /** The access to a session in a list, by owner and grant. */
  accessOf(principal: Principal, owner: string, granted: Access | undefined): Access | undefined {
    return accessOf(principal, owner, granted);
  }
}

/** A principal's access to an owner's session with this grant. */
export function accessOf(
  principal: Principal,
  owner: string,
  granted: Access | undefined,
): Access | undefined {
  // Let the scope `admin` open every session; a principal without a scope gets only its own and shared ones.
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

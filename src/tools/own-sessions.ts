// The caller's sessions, as tools see them: nobody else's are reachable from here.
import type { Principal } from "../auth/principal.ts";
import type { Session } from "../sessions/session.ts";
import type { NewSession } from "../sessions/sessions.ts";
import type { SessionPage } from "../sessions/store.ts";
import type { SessionServices } from "./session-handle.ts";

export class OwnSessions {
  readonly #services: SessionServices;
  readonly #principal: Principal;

  constructor(services: SessionServices, principal: Principal) {
    this.#services = services;
    this.#principal = principal;
  }

  /** A new session, or the living one of that name. */
  open(options: NewSession = {}): Promise<{ session: Session; created: boolean }> {
    return this.#services.sessions.open(this.#principal, options);
  }

  /** Newest activity first. */
  list(options: { query?: string; limit: number; cursor?: string }): Promise<SessionPage> {
    return this.#services.sessions.list(this.#principal, options);
  }

  /** When a session will be deleted if nobody uses it again, in milliseconds; null for never. */
  expiresAt(session: Pick<Session, "pinned" | "lastActiveAt">): number | null {
    return this.#services.sessions.expiresAt(session);
  }
}

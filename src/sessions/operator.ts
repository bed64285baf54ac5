// Sessions as whoever sits at the machine sees them: everybody's. Looking at one is no use of it.
import { LOCAL, type Principal } from "../auth/principal.ts";
import { isId } from "../kernel/ids.ts";
import type { Session } from "./session.ts";
import type { Sessions } from "./sessions.ts";
import type { SessionPage, SessionStore } from "./store.ts";

const OPERATOR: Principal = Object.freeze({ id: LOCAL.id, scope: "admin" });

export interface OperatorParts {
  store: SessionStore;
  sessions: Sessions;
  /** Tells whoever follows the session. */
  announce(session: Pick<Session, "id" | "owner">): Promise<void>;
}

export class Operator {
  readonly #parts: OperatorParts;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
  }

  /** The principal's, with those that others share with it; everybody's without a principal. */
  list(
    principal: string | undefined,
    options: { query?: string | undefined; limit: number; cursor?: string | undefined },
  ): Promise<SessionPage> {
    const { query, limit, cursor } = options;
    return this.#parts.store.list(principal, {
      limit,
      ...(query !== undefined && { query }),
      ...(cursor !== undefined && { cursor }),
    });
  }

  /** By its id, whoever has it, or by its name among the principal's. */
  async find(text: string, principal: string): Promise<Session | undefined> {
    const { store } = this.#parts;
    const byId = isId(text) ? await store.findById(text) : undefined;
    return byId ?? store.find(principal, { name: text });
  }

  async delete(session: Session): Promise<void> {
    await this.#parts.sessions.delete(OPERATOR, { ...session, access: "own" });
    await this.#parts.announce(session);
  }
}

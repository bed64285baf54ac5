// Sessions as whoever sits at the machine sees them: everybody's. Looking at one is no use of it.
import { LOCAL, type Principal } from "../auth/principal.ts";
import { AppError } from "../kernel/errors.ts";
import { isId } from "../kernel/ids.ts";
import type { Session } from "./session.ts";
import type { Sessions } from "./sessions.ts";
import type { SessionPage, SessionStore } from "./store.ts";

const OPERATOR: Principal = Object.freeze({ id: LOCAL.id, scope: "admin" });

const BEGINNING = /^[0-9a-f]{8}[0-9a-f-]*$/;
const PAGE = 500;

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

  /** By its id, whoever has it; by its name among the principal's; or by a beginning that only one id has. */
  async find(text: string, principal: string): Promise<Session | undefined> {
    const { store } = this.#parts;
    const byId = isId(text) ? await store.findById(text) : undefined;
    return byId ?? (await store.find(principal, { name: text })) ?? this.#byBeginning(text);
  }

  /** Lists show this much of an id where there is little room. @throws AppError `conflict` */
  async #byBeginning(text: string): Promise<Session | undefined> {
    if (!BEGINNING.test(text)) return undefined;
    const found: Session[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.list(undefined, { limit: PAGE, cursor });
      found.push(...page.sessions.filter(({ id }) => id.startsWith(text)));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    if (found.length > 1)
      throw new AppError("conflict", `Several sessions have an id that begins with ${text}.`, {
        hint: "More of the id tells them apart.",
      });
    return found[0];
  }

  async delete(session: Session): Promise<void> {
    await this.#parts.sessions.delete(OPERATOR, { ...session, access: "own" });
    await this.#parts.announce(session);
  }
}

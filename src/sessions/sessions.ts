// The life of sessions as their owners see it. Every access names the principal first; what a principal may not see
// is answered exactly like what does not exist.
import type { Principal } from "../auth/principal.ts";
import { AppError } from "../kernel/errors.ts";
import { isId, newId } from "../kernel/ids.ts";
import { checkText } from "../kernel/text.ts";
import type { Activity } from "./activity.ts";
import type { Session, SessionCounts } from "./session.ts";
import type { Clearable, SessionChanges, SessionPage, SessionStore } from "./store.ts";

const MAX_NAME_BYTES = 200;
const MAX_TITLE_BYTES = 500;
const MAX_SYSTEM_BYTES = 64_000;

export interface NewSession {
  name?: string | undefined;
  title?: string | undefined;
  system?: string | undefined;
}

export class Sessions {
  readonly #store: SessionStore;
  readonly #activity: Activity;
  readonly #maxAgeMs: number;

  constructor(store: SessionStore, activity: Activity, maxAgeMs: number) {
    this.#store = store;
    this.#activity = activity;
    this.#maxAgeMs = maxAgeMs;
  }

  /** The principal's session of that id or name, noted as active; undefined when there is none. */
  async find(
    principal: Principal,
    ref: { id: string } | { name: string },
  ): Promise<Session | undefined> {
    if ("id" in ref && !isId(ref.id)) return undefined;
    const session = await this.#store.find(principal.id, ref);
    if (session !== undefined) this.#activity.note(session.id);
    return session;
  }

  /** A new session, or the principal's living one of that name. */
  async open(
    principal: Principal,
    { name, title, system }: NewSession = {},
  ): Promise<{ session: Session; created: boolean }> {
    if (name !== undefined) {
      checkName(name);
      const session = await this.find(principal, { name });
      if (session !== undefined) return { session, created: false };
    }
    checkTexts({ title, system });
    return this.#store.create({ id: newId(), owner: principal.id, name, title, system });
  }

  /** The principal's session of this id, made if it is not there: a client's own, or that of a repeated call. */
  async openOwn(principal: Principal, id: string): Promise<Session> {
    const { session } = await this.#store.create({ id, owner: principal.id });
    return session;
  }

  update(session: Session, changes: SessionChanges): Promise<Session> {
    checkTexts(changes);
    return this.#store.update(session.id, changes);
  }

  clear(session: Session, what: Clearable): Promise<void> {
    return this.#store.clear(session.id, what);
  }

  delete(session: Session): Promise<void> {
    return this.#store.delete(session.id);
  }

  counts(id: string): Promise<SessionCounts> {
    return this.#store.counts(id);
  }

  list(
    principal: Principal,
    options: { query?: string; limit: number; cursor?: string },
  ): Promise<SessionPage> {
    return this.#store.list(principal.id, options);
  }

  /** When the session will be deleted if nobody uses it again, in milliseconds; null for never. */
  expiresAt({ pinned, lastActiveAt }: Pick<Session, "pinned" | "lastActiveAt">): number | null {
    return pinned || this.#maxAgeMs === Infinity ? null : lastActiveAt + this.#maxAgeMs;
  }
}

/** @throws AppError `invalid` or `limit` */
export function checkName(name: string): void {
  if (name.trim() === "") throw new AppError("invalid", "name: expected text that is not empty.");
  checkText("name", name, MAX_NAME_BYTES);
}

function checkTexts({
  title,
  system,
}: {
  title?: string | null | undefined;
  system?: string | null | undefined;
}): void {
  if (title) checkText("title", title, MAX_TITLE_BYTES);
  if (system) checkText("system", system, MAX_SYSTEM_BYTES);
}

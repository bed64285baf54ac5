// What is noted of who did what to whom. Never what was said, and never a secret.
import type { Expiring } from "../lib/expiring.ts";
import type { Principal } from "./principal.ts";

export type AuditAction =
  | "session created"
  | "session deleted"
  | "session cleared"
  | "message deleted"
  | "session given"
  | "session shared"
  | "session accepted"
  | "session left"
  | "session unshared"
  | "session exported"
  | "session imported"
  | "key created"
  | "key revoked"
  | "opened to all";

export interface AuditEntry {
  at: number;
  principal: string;
  action: string;
  subject: string;
  detail: string | null;
}

export type NewAuditEntry = Omit<AuditEntry, "at">;

export interface AuditStore extends Expiring {
  note(entry: NewAuditEntry): Promise<void>;
  /**
   * Runs `act`, and stores its entry in the commit of the first write that `entryOf` has an entry for.
   * `entryOf` gets what each write resolves to.
   */
  noteWith<T>(
    entryOf: (result: unknown) => NewAuditEntry | undefined,
    act: () => Promise<T>,
  ): Promise<T>;
  /** Newest first. */
  list(limit: number): Promise<AuditEntry[]>;
}

export class Audit {
  readonly #store: AuditStore;

  constructor(store: AuditStore) {
    this.#store = store;
  }

  note(
    principal: Pick<Principal, "id">,
    action: AuditAction,
    subject: string,
    detail?: string,
  ): Promise<void> {
    return this.#store.note({ principal: principal.id, action, subject, detail: detail ?? null });
  }

  /**
   * Makes a change with `act`, whose entry is stored with it or not at all.
   * `done`: true for what a write resolves to that has changed something. Default: every write has.
   */
  noteWith<T>(
    principal: Pick<Principal, "id">,
    action: AuditAction,
    subject: string,
    act: () => Promise<T>,
    {
      done = () => true,
      detail = () => null,
    }: { done?: (result: unknown) => boolean; detail?: (result: unknown) => string | null } = {},
  ): Promise<T> {
    return this.#store.noteWith(
      (result) =>
        done(result)
          ? { principal: principal.id, action, subject, detail: detail(result) }
          : undefined,
      act,
    );
  }
}

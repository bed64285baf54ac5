// The audit log: who did what to whom. It never holds message content or a secret.
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
  | "backup downloaded"
  | "opened to all"
  | "link created"
  | "signed in"
  | "signed out elsewhere"
  | "passkey added"
  | "passkey removed"
  | "passkey refused"
  | "client registered"
  | "client created"
  | "client deleted"
  | "grant created"
  | "grant revoked";

export interface AuditEntry {
  /** Grows with time. */
  id: number;
  at: number;
  principal: string;
  action: string;
  subject: string;
  detail: string | null;
}

export type NewAuditEntry = Omit<AuditEntry, "id" | "at">;

export interface AuditStore extends Expiring {
  note(entry: NewAuditEntry): Promise<void>;
  /**
   * Run `act`, and store its entry in the commit of the first write for which `entryOf` has an entry.
   * `entryOf` gets the result of each write.
   */
  noteWith<T>(
    entryOf: (result: unknown) => NewAuditEntry | undefined,
    act: () => Promise<T>,
  ): Promise<T>;
  /** The newest first; those before an id. */
  list(limit: number, before?: number): Promise<AuditEntry[]>;
  /** The newest entry of this action. */
  last(action: string): Promise<AuditEntry | undefined>;
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
   * Make a change with `act`, and store its entry in the same commit.
   * `done`: true for a write's result that means a change. Default: every write is one.
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

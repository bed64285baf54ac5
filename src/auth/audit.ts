// What is noted of who did what to whom. Never what was said, and never a secret.
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

export interface AuditStore {
  note(entry: Omit<AuditEntry, "at">): Promise<void>;
  /** Newest first. */
  list(limit: number): Promise<AuditEntry[]>;
  countExpired(): Promise<number>;
  /** Deletes at most `limit` of the entries that are older than a year; resolves to how many. */
  deleteExpired(limit: number): Promise<number>;
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
}

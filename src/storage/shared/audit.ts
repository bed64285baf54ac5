// Bounds of the audit on every engine.
import type { NewAuditEntry } from "../../auth/audit.ts";

export const KEEP_AUDIT_MS = 365 * 24 * 3_600_000;
/**
 * So many entries of one principal and one action are kept, the newest: nobody fills the database with them, nor hides what
 * else it did behind them.
 */
export const MAX_ENTRIES = 10_000;
/** They are counted each time that so many entries were noted. */
export const ENTRIES_A_CHECK = 100;
/** Maximum length of the detail, in characters. */
const MAX_DETAIL = 500;

export const shortDetail = ({ detail }: NewAuditEntry): string | null =>
  detail !== null && detail.length > MAX_DETAIL ? `${detail.slice(0, MAX_DETAIL)}…` : detail;

// Bounds of the audit on every engine.
import type { NewAuditEntry } from "../../auth/audit.ts";

export const KEEP_AUDIT_MS = 365 * 24 * 3_600_000;
/**
 * Maximum number of entries of one principal and one action; the newest stay. A principal can neither fill the database
 * with entries, nor hide its other actions behind them.
 */
export const MAX_ENTRIES = 10_000;
/** Number of new entries after which they are counted. */
export const ENTRIES_A_CHECK = 100;
/** Maximum length of the detail, in characters. */
const MAX_DETAIL = 500;

export const shortDetail = ({ detail }: NewAuditEntry): string | null =>
  detail !== null && detail.length > MAX_DETAIL ? `${detail.slice(0, MAX_DETAIL)}…` : detail;

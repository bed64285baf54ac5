// Revocations outlive a restore: what the replaced database had revoked does not come back with the backup.
import { openExisting, type Sqlite } from "../engine/connection.ts";

interface Revocation {
  at: number;
  principal: string;
  action: string;
  subject: string;
  detail: string | null;
}

/** The effect of each revocation in the restored database. Changes nothing where it is in effect already. */
const EFFECTS: Readonly<Record<string, { table: string; sql: string }>> = {
  "key revoked": {
    table: "api_keys",
    sql: "UPDATE api_keys SET revoked_at = @at WHERE id = @subject AND revoked_at IS NULL",
  },
  "passkey removed": { table: "passkeys", sql: "DELETE FROM passkeys WHERE id = @subject" },
  "grant revoked": { table: "oauth_grants", sql: "DELETE FROM oauth_grants WHERE id = @subject" },
};

/** Repeats the revocations of the database `old` in the file `made`, with their audit. Returns the number of new ones. */
export function repeatRevocations(old: Sqlite, made: string): number {
  const revocations = revocationsIn(old);
  if (revocations.length === 0) return 0;
  const database = openExisting(made);
  try {
    return database.transaction(() => revocations.filter((one) => repeat(database, one)).length)();
  } finally {
    database.close();
  }
}

/** True if the file has keys, passkeys or grants, which let somebody in. */
export function hasCredentials(file: string): boolean {
  const database = openExisting(file);
  try {
    return Object.values(EFFECTS).some(
      ({ table }) =>
        hasTable(database, table) &&
        database.prepare(`SELECT 1 FROM ${table} LIMIT 1`).get() !== undefined,
    );
  } finally {
    database.close();
  }
}

/** Those that the audit still has, and the keys that are marked as revoked. */
function revocationsIn(old: Sqlite): Revocation[] {
  const audited = hasTable(old, "audit")
    ? old
        .prepare<[string], Revocation>(
          `SELECT at, principal, action, subject, detail FROM audit
            WHERE action IN (SELECT value FROM json_each(?)) ORDER BY id`,
        )
        .all(JSON.stringify(Object.keys(EFFECTS)))
    : [];
  const marked = hasTable(old, "api_keys")
    ? old
        .prepare<[], Revocation>(
          `SELECT revoked_at AS at, 'local' AS principal, 'key revoked' AS action, id AS subject, NULL AS detail
            FROM api_keys WHERE revoked_at IS NOT NULL`,
        )
        .all()
    : [];
  return [...audited, ...marked];
}

function repeat(database: Sqlite, revocation: Revocation): boolean {
  const { table, sql } = EFFECTS[revocation.action]!;
  if (!hasTable(database, table)) return false;
  const { at, subject } = revocation;
  const bound = sql.includes("@at") ? { at, subject } : { subject };
  if (database.prepare(sql).run(bound).changes === 0) return false;
  if (hasTable(database, "audit"))
    database
      .prepare(
        `INSERT INTO audit (at, principal, action, subject, detail)
          VALUES (@at, @principal, @action, @subject, @detail)`,
      )
      .run(revocation);
  return true;
}

const hasTable = (database: Sqlite, table: string): boolean =>
  database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(table) !==
  undefined;

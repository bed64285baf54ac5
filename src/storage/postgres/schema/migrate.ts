// Brings the database to this program's version before anything else uses it. Programs that start together wait for each
// other.
import type pg from "pg";
import { AppError } from "../../../lib/errors.ts";
import { codeOf } from "../engine/errors.ts";
import { type Migration, migrations } from "./migrations.ts";

const TABLE = `CREATE TABLE IF NOT EXISTS holdfast_migrations (
  created_at bigint PRIMARY KEY, hash text NOT NULL)`;
/** Any number, the same in all programs. */
const LOCK = "SELECT pg_advisory_xact_lock(7305808869231649)";
const OLDEST_SERVER = 150_000;

/**
 * Applies what is missing, all or nothing.
 * @throws AppError `start` for an old server, a database of a newer Holdfast or of another program, or one whose tables another
 * program has changed
 */
export async function migrate(
  client: pg.ClientBase,
  wanted: readonly Migration[] = migrations,
): Promise<void> {
  await checkServer(client);
  if ((await appliedVersion(client)) === (wanted.at(-1)?.createdAt ?? 0)) return;
  await client.query("BEGIN ISOLATION LEVEL READ COMMITTED"); // sees what others commit while it waits
  try {
    await client.query(LOCK);
    const applied = await appliedVersion(client);
    refuseNewer(applied, wanted);
    if (applied === null) await refuseForeign(client, wanted);
    await client.query(TABLE);
    for (const { createdAt, hash, statements } of wanted) {
      if (applied !== null && createdAt <= applied) continue;
      for (const statement of statements) await client.query(statement);
      await client.query("INSERT INTO holdfast_migrations VALUES ($1, $2)", [createdAt, hash]);
    }
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined);
    if (isTaken(error)) throw foreign(undefined, error);
    throw isOfStatement(error) ? changedByOthers(error) : error;
  }
}

/** @throws AppError `start` for a server or a database on which Holdfast cannot work */
export async function checkServer(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{
    version: string;
    number: string;
    standby: boolean;
    readonly: boolean;
    encoding: string;
    icu: boolean;
    schema: string | null;
  }>(
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS number,
      pg_is_in_recovery() AS standby, current_setting('transaction_read_only')::boolean AS readonly,
      current_setting('server_encoding') AS encoding, current_schema() AS schema,
      EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu') AS icu`,
  );
  const { version, number, standby, readonly, encoding, icu, schema } = rows[0]!;
  if (Number(number) < OLDEST_SERVER)
    throw new AppError(
      "start",
      `The database server is PostgreSQL ${version}: Holdfast needs 15 or newer.`,
    );
  if (standby)
    throw new AppError("start", "The database server is a standby, which cannot be written.", {
      hint: "Give the address of the primary server.",
    });
  if (readonly)
    throw new AppError("start", "The database is read-only.", {
      hint: "Turn default_transaction_read_only off for it, or give the address of the primary server.",
    });
  if (encoding !== "UTF8")
    throw new AppError("start", `The database's encoding is ${encoding}: Holdfast needs UTF8.`, {
      hint: "Make another one with createdb --encoding=UTF8 --template=template0.",
    });
  if (!icu)
    throw new AppError("start", "The database server has no ICU, which Holdfast sorts with.", {
      hint: "Use a PostgreSQL that was built with ICU.",
    });
  if (schema === null)
    throw new AppError(
      "start",
      "The database's search_path has no schema that this user may use.",
      {
        hint: "Correct search_path, or create its schema.",
      },
    );
}

/** The creation time of the newest applied migration; null without any. */
export async function appliedVersion(client: pg.ClientBase): Promise<number | null> {
  const there = await client.query<{ there: string | null }>(
    "SELECT to_regclass('holdfast_migrations') AS there",
  );
  if (there.rows[0]!.there === null) return null;
  const { rows } = await client.query<{ version: string | null }>(
    "SELECT max(created_at) AS version FROM holdfast_migrations",
  );
  const version = rows[0]!.version;
  return version === null ? null : Number(version);
}

function refuseNewer(applied: number | null, wanted: readonly Migration[]): void {
  if (applied === null || applied <= (wanted.at(-1)?.createdAt ?? 0)) return;
  throw new AppError("start", "This database was written by a newer Holdfast.", {
    hint: "Start that version, or restore a dump made before it.",
  });
}

const KINDS: Readonly<Record<string, string>> = { v: "view", m: "view", i: "index", S: "sequence" };

/** Looks for names that the migrations need, in the schema where they would make them; also those that this user may not see. */
export async function refuseForeign(
  client: pg.ClientBase,
  wanted: readonly Migration[] = migrations,
): Promise<void> {
  const { rows } = await client.query<{ name: string; kind: string }>(
    `SELECT relname AS name, relkind AS kind FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
      WHERE nspname = current_schema() AND relname = ANY($1) ORDER BY relkind DESC, relname LIMIT 1`,
    [namesOf(wanted, "TABLE|VIEW|INDEX")],
  );
  const [found] = rows;
  if (found !== undefined) throw foreign(`${KINDS[found.kind] ?? "table"} "${found.name}"`);
}

/** Names that migrations make, of kinds such as `TABLE|VIEW`. */
export function namesOf(wanted: readonly Migration[], kinds: string): string[] {
  const pattern = new RegExp(`^\\s*CREATE (?:OR REPLACE |UNIQUE )?(?:${kinds}) "?(\\w+)`, "gm");
  return wanted.flatMap(({ statements }) =>
    statements.flatMap((statement) => Array.from(statement.matchAll(pattern), ([, name]) => name!)),
  );
}

/** Codes for a name that something else has: a relation, a type or a function. */
const isTaken = (error: unknown): boolean =>
  ["42P07", "42710", "42723"].includes(codeOf(error) ?? "");

const foreign = (found = "name that Holdfast needs", cause?: unknown): AppError =>
  new AppError("start", `This database has a ${found} of another program.`, {
    hint: "Give Holdfast a database of its own: createdb holdfast",
    cause,
  });

/** Codes for a statement that does not fit the database: something is missing, or something else depends on it. */
const isOfStatement = (error: unknown): error is Error =>
  ["42P01", "42703", "42704", "42883", "2BP01", "0A000"].includes(codeOf(error) ?? "");

const changedByOthers = (cause: Error): AppError =>
  new AppError("start", `This database cannot be upgraded: ${cause.message}.`, {
    hint: "Something but Holdfast has changed its tables, views or functions. Undo that, and start again: nothing was changed.",
    cause,
  });

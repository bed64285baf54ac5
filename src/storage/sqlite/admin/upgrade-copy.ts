// The copy of a database that is made before an upgrade, beside the database. The newest two are kept.
import { readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { AppError } from "../../../lib/errors.ts";
import { dropToOwner } from "../../../lib/files/owner.ts";
import { requireRoom } from "../../../lib/files/room.ts";
import { createPartial, settle } from "../../../lib/files/whole-file.ts";
import { MEMORY, openExisting, type Sqlite } from "../engine/connection.ts";
import { appliedVersion } from "../schema/migrate.ts";
import { type Migration, migrations } from "../schema/migrations.ts";
import { databaseBytes, removeDatabase } from "./files.ts";

const KEPT = 2;

/**
 * Returns the copy's path; undefined if there is nothing to apply, or nothing in the database. One synchronous
 * statement makes the copy, so a start needs no event loop; 100 MB take about a second.
 * @throws AppError when the copy fails, before anything is migrated
 */
export function copyBeforeUpgrade(
  sqlite: Sqlite,
  wanted: readonly Migration[] = migrations,
): string | undefined {
  const file = sqlite.name;
  const applied = file === MEMORY ? null : appliedVersion(sqlite);
  if (applied === null) return undefined;
  const next = wanted.findIndex(({ createdAt }) => createdAt > applied);
  if (next === -1 || isEmpty(sqlite)) return undefined;
  // Number the copy by the first migration to apply, as in migrations/.
  const target = `${file}.before-migration-${String(next).padStart(4, "0")}`;
  const rights = dropToOwner(dirname(target));
  try {
    requireRoom(target, databaseBytes(file));
    const partial = createPartial(target);
    try {
      sqlite.prepare("VACUUM INTO ?").run(partial); // an empty file keeps its mode
      // Drop the copy if another starting process has applied the migrations meanwhile: that process has made its own.
      if (versionOf(partial) === applied) settle(partial, target);
    } finally {
      removeDatabase(partial);
    }
  } catch (error) {
    throw cannotCopy(target, error);
  } finally {
    rights.restore();
  }
  forgetOld(file);
  return target;
}

const isEmpty = (sqlite: Sqlite): boolean =>
  sqlite
    .prepare<[], string>(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'
        AND name NOT IN ('__drizzle_migrations', 'instances') AND name NOT GLOB 'messages_fts*'`,
    )
    .pluck()
    .all()
    .every((table) => sqlite.prepare(`SELECT 1 FROM "${table}" LIMIT 1`).get() === undefined);

function versionOf(file: string): number | null {
  const copy = openExisting(file);
  try {
    return appliedVersion(copy);
  } finally {
    copy.close();
  }
}

function cannotCopy(target: string, error: unknown): unknown {
  if (!(error instanceof AppError)) return error;
  return new AppError(
    "start",
    `The database was not upgraded, because no copy of it could be made first. ${error.message}`,
    {
      hint: error.hint ?? `Make sure that ${dirname(target)} can be written.`,
      cause: error,
    },
  );
}

function forgetOld(file: string): void {
  const prefix = `${basename(file)}.before-migration-`;
  const copies = readdirSync(dirname(file))
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .toSorted();
  for (const name of copies.slice(0, -KEPT)) rmSync(join(dirname(file), name), { force: true });
}

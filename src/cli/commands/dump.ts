// The commands that copy a database on a server: PostgreSQL's own tools, which holdfast backup and restore name.
import type { Config } from "../../config/config.ts";
import { serverOf } from "../../config/data-place.ts";
import { databaseName, toolUrl } from "../../config/database-url.ts";
import { AppError } from "../../lib/errors.ts";
import { shellWord } from "../../lib/text/quoted.ts";

/** @throws AppError `start` with the command to type, if the data are on a server */
export function refuseServer(config: Config, what: "backup" | "restore", file: string): void {
  const server = serverOf(config);
  if (server === undefined) return;
  throw what === "backup" ? dumpAdvice(server.url, file) : restoreAdvice(server.url, file);
}

function dumpAdvice(url: string, file: string): AppError {
  return new AppError(
    "start",
    "pg_dump copies a database of PostgreSQL, while servers go on. It asks for the password, or reads it from " +
      `PGPASSWORD or ~/.pgpass: pg_dump --format=custom --file=${shellWord(file)} ${shellWord(toolUrl(url))}`,
  );
}

/** Into a new database: tables of a version after the dump would stay in the old one, or be in the way. */
function restoreAdvice(url: string, file: string): AppError {
  const fresh = `${databaseName(url)}_restored`;
  const options = "--template=template0 --encoding=UTF8";
  return new AppError(
    "start",
    `pg_restore restores into a new database. Stop all servers, and start them with ${fresh} in database-url afterwards. ` +
      "A user without the right to make databases needs the administrator for createdb, with --owner: " +
      `createdb --maintenance-db=${shellWord(toolUrl(url))} ${options} ${shellWord(fresh)} && ` +
      `pg_restore --no-owner --single-transaction --dbname=${shellWord(toolUrl(url, fresh))} ${shellWord(file)}`,
  );
}

// The commands that copy a database on a server: PostgreSQL's own tools, which holdfast backup and restore name.
import type { Config } from "../../config/config.ts";
import { serverOf } from "../../config/data-place.ts";
import { shownUrl } from "../../config/database-url.ts";
import { AppError } from "../../lib/errors.ts";

/** @throws AppError `start` with the command to type, if the data are on a server */
export function refuseServer(config: Config, what: "backup" | "restore", file: string): void {
  const server = serverOf(config);
  if (server === undefined) return;
  const { username } = new URL(server.url);
  const url = shownUrl(server.url).replace("//", `//${username === "" ? "" : `${username}@`}`);
  const command =
    what === "backup"
      ? `pg_dump --format=custom --file=${quoted(file)} ${quoted(url)}`
      : `pg_restore --clean --if-exists --single-transaction --dbname=${quoted(url)} ${quoted(file)}`;
  const [tool, then] =
    what === "backup"
      ? ["pg_dump copies", "servers may go on"]
      : ["pg_restore restores", "stop all servers first"];
  throw new AppError("start", `${tool} a database of PostgreSQL (${then}): ${command}`, {
    hint: "It asks for the password, or reads it from PGPASSWORD or ~/.pgpass.",
  });
}

/** A word for a shell. */
const quoted = (word: string): string =>
  /^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

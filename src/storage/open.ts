// Opens the configured storage engine: SQLite in a data folder or in memory, or PostgreSQL on a server.
import { openSqlite } from "./sqlite/open.ts";
import type { Storage, StorageOptions } from "./storage.ts";

/** @throws AppError `start` or `not_found` with one line that says what is wrong with the data */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { server } = options;
  if (server === undefined) return openSqlite(options);
  const { openPostgres } = await import("./postgres/open.ts");
  return openPostgres(server, options);
}

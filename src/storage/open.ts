// Opens the configured storage engine: SQLite in a data folder, or in memory.
import { openSqlite } from "./sqlite/open.ts";
import type { Storage, StorageOptions } from "./storage.ts";

/** @throws AppError `start` or `not_found` with one line that says what is wrong with the data */
export const openStorage = (options: StorageOptions): Promise<Storage> => openSqlite(options);

// Opens the data folder for commands that work on it and end.
import { existsSync, statSync } from "node:fs";
import { openData, type Data } from "../app/data.ts";
import { asTexts, loadConfig, type Settings } from "../config/config.ts";
import { cannotOpen, databaseFile, noDatabase } from "../storage/open.ts";

/**
 * Open the data, also beside a running server, and close it after `use`, even after an error.
 * `create`: create a missing database, which is otherwise an error.
 */
export async function withData<T>(
  settings: Settings,
  use: (data: Data) => Promise<T>,
  { create = false }: { create?: boolean } = {},
): Promise<T> {
  const flags = asTexts(create ? settings : { ...settings, ephemeral: false });
  const config = loadConfig({ flags, env: process.env });
  const file = databaseFile(config["data-dir"]);
  if (!create) expectDatabase(file);
  const closing = new AsyncDisposableStack();
  try {
    return await use(openData(config, closing));
  } finally {
    await closing.disposeAsync();
  }
}

/** @throws AppError if the database is missing, or this user may not read it */
function expectDatabase(file: string): void {
  try {
    statSync(file);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "ENOENT"
      ? noDatabase(file)
      : cannotOpen(file, error);
  }
}

/** True if the data folder holds a database. */
export function hasDatabase(settings: Settings): boolean {
  const config = loadConfig({ flags: asTexts(settings), env: process.env });
  return existsSync(databaseFile(config["data-dir"]));
}

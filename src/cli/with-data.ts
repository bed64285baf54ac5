// For commands that work on the data folder and end.
import { existsSync, statSync } from "node:fs";
import { buildApp, type App } from "../app/app.ts";
import { loadConfig } from "../config/config.ts";
import { asTexts, type Settings } from "../holdfast.ts";
import { cannotOpen, databaseFile, noDatabase } from "../storage/storage.ts";

/**
 * Builds the app, beside a running server if there is one, and closes it whatever becomes of `use`.
 * `create`: makes the database where there is none; otherwise that is an error.
 */
export async function withApp<T>(
  settings: Settings,
  use: (app: App) => Promise<T>,
  { create = false }: { create?: boolean } = {},
): Promise<T> {
  const flags = asTexts(create ? settings : { ...settings, ephemeral: false });
  const config = loadConfig({ flags, env: process.env });
  const file = databaseFile(config["data-dir"]);
  if (!create) expectDatabase(file);
  const app = await buildApp({ config });
  try {
    return await use(app);
  } finally {
    await app.stop();
  }
}

/** @throws AppError when it is not there, or this user may not look */
function expectDatabase(file: string): void {
  try {
    statSync(file);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "ENOENT"
      ? noDatabase(file)
      : cannotOpen(file, error);
  }
}

/** Whether there is a database in the data folder. */
export function hasDatabase(settings: Settings): boolean {
  const config = loadConfig({ flags: asTexts(settings), env: process.env });
  return existsSync(databaseFile(config["data-dir"]));
}

// For commands that work on the data folder and end.
import { existsSync } from "node:fs";
import { buildApp, type App } from "../app.ts";
import { loadConfig } from "../config.ts";
import { asTexts, type Settings } from "../holdfast.ts";
import { AppError } from "../kernel/errors.ts";
import { databaseFile } from "../storage/storage.ts";

/** Builds the app, beside a running server if there is one, and closes it whatever becomes of `use`. */
export async function withApp<T>(settings: Settings, use: (app: App) => Promise<T>): Promise<T> {
  const app = await buildApp({
    config: loadConfig({ flags: asTexts(settings), env: process.env }),
  });
  try {
    return await use(app);
  } finally {
    await app.stop();
  }
}

/** Whether there is a database in the data folder. */
export function hasDatabase(settings: Settings): boolean {
  const config = loadConfig({ flags: asTexts(settings), env: process.env });
  return existsSync(databaseFile(config["data-dir"]));
}

/** As `withApp`, for commands that only make sense where something is stored: they make no database. */
export async function withStoredData<T>(
  settings: Settings,
  use: (app: App) => Promise<T>,
): Promise<T> {
  if (hasDatabase(settings)) return withApp({ ...settings, ephemeral: false }, use);
  const config = loadConfig({ flags: asTexts(settings), env: process.env });
  throw new AppError("start", `There is no database in ${config["data-dir"]}.`, {
    hint: "--data-dir names the folder of a server that has run.",
  });
}

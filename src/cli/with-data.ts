// Opens the data folder for commands that work on it and end.
import { type Data, openData } from "../app/data.ts";
import { asTexts, envName, loadConfig, type Settings } from "../config/config.ts";
import { folderOf } from "../config/data-place.ts";
import { AppError } from "../lib/errors.ts";
import * as admin from "../storage/admin.ts";

/**
 * Open the data, also beside a running server, and close it after `use`, even after an error.
 * `create`: create a missing database, which is otherwise an error.
 * @throws AppError `start` where the environment keeps everything in memory: what is made would be gone at the end
 */
export async function withData<T>(
  settings: Settings,
  use: (data: Data) => Promise<T>,
  { create = false }: { create?: boolean } = {},
): Promise<T> {
  const flags = asTexts(create ? settings : { ...settings, ephemeral: false });
  const config = loadConfig({ flags, env: process.env });
  if (config.ephemeral && settings.ephemeral === undefined)
    throw new AppError(
      "start",
      "With ephemeral set, what this command makes would be gone at its end.",
      {
        hint: `Unset ${envName("ephemeral")}.`,
      },
    );
  const closing = new AsyncDisposableStack();
  try {
    return await use(await openData(config, closing, { create }));
  } finally {
    await closing.disposeAsync();
  }
}

/** True if the data folder holds a database. A database on a server is taken to be there. */
export function hasDatabase(settings: Settings): boolean {
  const config = loadConfig({ flags: asTexts(settings), env: process.env });
  const folder = folderOf(config);
  return folder === undefined || admin.hasDatabase(folder);
}

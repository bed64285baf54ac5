// For commands that work on the data folder and end.
import { buildApp, type App } from "../app.ts";
import { loadConfig } from "../config.ts";
import { asTexts, type Settings } from "../holdfast.ts";

/** Builds the app, beside a running server if there is one, and closes it whatever becomes of `use`. */
export async function withApp(settings: Settings, use: (app: App) => Promise<void>): Promise<void> {
  const app = await buildApp({
    config: loadConfig({ flags: asTexts(settings), env: process.env }),
  });
  try {
    await use(app);
  } finally {
    await app.stop();
  }
}

// `holdfast cleanup`: the cleanup job once, by hand; beside a running server too.
import { buildApp } from "../app.ts";
import { loadConfig } from "../config.ts";
import { asTexts, type Settings } from "../holdfast.ts";
import type { Terminal } from "./terminal.ts";

export async function cleanup(
  settings: Settings,
  dryRun: boolean,
  terminal: Terminal,
): Promise<void> {
  const config = loadConfig({ flags: asTexts(settings), env: process.env });
  const app = await buildApp({ config });
  try {
    const counts = dryRun ? await app.retention.preview() : await app.retention.run();
    const list = Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => `${count} ${kind}${count === 1 ? "" : "s"}`);
    terminal.print(
      list.length === 0
        ? "Nothing has expired."
        : `${dryRun ? "Would delete" : "Deleted"} ${new Intl.ListFormat("en").format(list)}.`,
    );
  } finally {
    await app.stop();
  }
}

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
    const list = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
    terminal.print(`${dryRun ? "Would delete" : "Deleted"} ${list.join(", ")}.`);
  } finally {
    await app.stop();
  }
}

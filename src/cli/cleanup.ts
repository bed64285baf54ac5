// `holdfast cleanup`: the cleanup job once, by hand; beside a running server too.
import type { Settings } from "../holdfast.ts";
import { counted, type Terminal } from "./terminal.ts";
import { withApp } from "./with-app.ts";

export interface CleanupFlags {
  dryRun?: boolean;
  json?: boolean;
}

export function cleanup(
  settings: Settings,
  { dryRun = false, json }: CleanupFlags,
  terminal: Terminal,
): Promise<void> {
  return withApp(settings, async ({ retention }) => {
    const counts = dryRun ? await retention.preview() : await retention.run();
    if (json) return terminal.print(JSON.stringify({ dry_run: dryRun, expired: named(counts) }));
    const list = Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => counted(count, kind));
    terminal.print(
      list.length === 0
        ? "Nothing has expired."
        : `${dryRun ? "Would delete" : "Deleted"} ${new Intl.ListFormat("en").format(list)}.`,
    );
  });
}

/** As programs name things: `state_key`. */
const named = (counts: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(counts).map(([kind, count]) => [kind.replaceAll(" ", "_"), count]),
  );

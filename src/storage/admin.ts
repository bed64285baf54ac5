// Administration of stored data for commands: inspection, repair, backup and restore. The data need not be open, and a
// server may run beside it. Not here: what works on open data (storage.ts).
import type { ServerInspection } from "./postgres/admin/inspect.ts";
import type { DatabaseServer } from "./storage.ts";

export { backUp } from "./sqlite/admin/backup.ts";
export { databaseBytes, databaseFile, hasDatabase } from "./sqlite/admin/files.ts";
export { foldLog, indexMessages, inspect, type Inspection } from "./sqlite/admin/inspect.ts";
export { restore } from "./sqlite/admin/restore.ts";
export { ballastBytes } from "./sqlite/disk/ballast.ts";
export type { ServerData, ServerInspection } from "./postgres/admin/inspect.ts";
export { noDatabase } from "./sqlite/engine/connection.ts";

/** Inspects a database on a server. See storage/postgres/admin/inspect.ts. */
export async function inspectServer(
  server: DatabaseServer,
  now: number,
): Promise<ServerInspection> {
  const { inspectServer: inspect } = await import("./postgres/admin/inspect.ts");
  return inspect(server, now);
}

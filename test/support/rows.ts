// The database as a person with a SQL client sees it: a read-only connection beside the running program.
import { withDatabase } from "./database.ts";

/** The rows of a query on the data folder's file. */
export function rows(folder: string, query: string): Record<string, unknown>[] {
  return withDatabase(
    folder,
    (database) => database.prepare(query).all() as Record<string, unknown>[],
  );
}

/** All messages in the file: `1 user complete Hello`. */
export const transcript = (folder: string): string[] =>
  rows(folder, "SELECT * FROM messages ORDER BY id").map(
    ({ seq, role, status, content }) => `${seq} ${role} ${status} ${content}`,
  );

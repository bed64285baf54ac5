// The database as a person with a SQL client sees it: a read-only connection beside the running program.
import Database from "better-sqlite3";
import { databaseFile } from "../../src/storage/admin.ts";

/** The rows of a query on the data folder's file. */
export function rows(folder: string, query: string): Record<string, unknown>[] {
  const database = new Database(databaseFile(folder), { readonly: true });
  try {
    return database.prepare(query).all() as Record<string, unknown>[];
  } finally {
    database.close();
  }
}

/** All messages in the file: `1 user complete Hello`. */
export const transcript = (folder: string): string[] =>
  rows(folder, "SELECT * FROM messages ORDER BY id").map(
    ({ seq, role, status, content }) => `${seq} ${role} ${status} ${content}`,
  );

// What the servers of a run share, a data folder or a PostgreSQL database, and what is in it at the end.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import pg from "pg";
import { databaseFile } from "../../src/storage/admin.ts";
import { startPostgres } from "../../test/support/postgres-process.ts";

export interface Place {
  /** The folder, or the address of the database. */
  at: string;
  /** Deletes a server's row, like a process elsewhere that takes it for dead. */
  forget(pid: number): Promise<void>;
  /** Ends the database server, orderly or not, and starts it again. */
  restart?(): Promise<void>;
  inspect(): Promise<Stored>;
  close(): Promise<void>;
}

export interface Stored {
  messages: string[];
  openRequests: number;
  /** "ok", or what is wrong. */
  integrity: unknown;
}

const MESSAGES = "SELECT content FROM messages";
const OPEN = "SELECT count(*) AS n FROM open_requests";
const FORGET = "DELETE FROM instances WHERE pid =";

export function folderPlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-soak-"));
  const open = (options?: Database.Options): Database.Database =>
    new Database(databaseFile(folder), options);
  return {
    at: folder,
    async forget(pid) {
      const database = open({ timeout: 5_000 });
      try {
        database.prepare(`${FORGET} ?`).run(pid);
      } catch {
        // Ignore: the server was suspended in the middle of a commit, and holds the lock until it resumes.
      } finally {
        database.close();
      }
    },
    async inspect() {
      const database = open({ readonly: true });
      const messages = database.prepare(MESSAGES).pluck().all() as string[];
      const openRequests = database.prepare(OPEN).pluck().get() as number;
      const integrity = database.pragma("integrity_check", { simple: true });
      database.close();
      return { messages, openRequests, integrity };
    },
    close: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Accounts that do not say what is stored. */
const WRONG_ACCOUNTS = `SELECT owner, history_bytes, state_bytes, stored_bytes, program_bytes FROM usage_measured
  EXCEPT SELECT owner, sum(history_bytes), sum(state_bytes), sum(stored_bytes), sum(program_bytes) FROM usage GROUP BY owner`;

export async function postgresPlace(): Promise<Place> {
  const server = await startPostgres("max_connections=100");
  const query = async <Row extends pg.QueryResultRow>(
    text: string,
    values: unknown[] = [],
  ): Promise<Row[]> => {
    const client = new pg.Client(server.url);
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  };
  return {
    at: server.url,
    forget: async (pid) => void (await query(`${FORGET} $1`, [pid])),
    restart: () => server.again(Math.random() < 0.5 ? "restart" : "crash"),
    async inspect() {
      const stored = await query<{ content: string }>(MESSAGES);
      const [open] = await query<{ n: string }>(OPEN);
      const wrong = await query(WRONG_ACCOUNTS);
      return {
        messages: stored.map(({ content }) => content),
        openRequests: Number(open!.n),
        integrity: wrong.length === 0 ? "ok" : JSON.stringify(wrong),
      };
    },
    close: () => server.stop(),
  };
}

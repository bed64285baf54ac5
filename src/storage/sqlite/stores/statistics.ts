// Counts of stored rows for monitoring. Cheap at any size: no query reads every message or every state key.
import { count, sql } from "drizzle-orm";
import type { SessionStore } from "../../../sessions/store.ts";
import type { StoredFigures } from "../../../telemetry/readings.ts";
import { databaseBytes } from "../admin/files.ts";
import { logBytes } from "../disk/log-watch.ts";
import { MEMORY, type Sqlite } from "../engine/connection.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { sessions, usage } from "../schema/schema.ts";

export function sqliteStatistics(
  engine: Engine,
  sqlite: Sqlite,
  store: Pick<SessionStore, "countExpired">,
): () => Promise<StoredFigures> {
  const { db } = engine;
  const q = lazily({
    // One step an entry of the smallest index.
    stored: () => db.select({ n: count() }).from(sessions).prepare(),
    bytes: () =>
      db
        .select({
          history: sql<number>`coalesce(sum(${usage.historyBytes}), 0)`,
          state: sql<number>`coalesce(sum(${usage.stateBytes}), 0)`,
        })
        .from(usage)
        .prepare(),
    everStored: () =>
      sqlite.prepare<[], number>("select seq from sqlite_sequence where name = 'messages'").pluck(),
  });
  const fileBytes = (): number =>
    sqlite.name === MEMORY ? pagesBytes(sqlite) : databaseBytes(sqlite.name);

  return async () => {
    const expiredSessions = await store.countExpired();
    return engine.readNow(() => {
      const { history, state } = q.bytes.get()!;
      return {
        sessions: q.stored.get()!.n,
        expiredSessions,
        messagesEver: q.everStored.get() ?? 0,
        historyBytes: history,
        stateBytes: state,
        databaseBytes: fileBytes(),
        logBytes: sqlite.name === MEMORY ? 0 : logBytes(sqlite.name),
      };
    });
  };
}

const pagesBytes = (sqlite: Sqlite): number => {
  const pragma = (name: string): number => sqlite.pragma(name, { simple: true }) as number;
  return pragma("page_count") * pragma("page_size");
};

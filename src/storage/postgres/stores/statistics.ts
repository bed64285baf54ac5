// Counts of stored rows for monitoring. No query reads every message or every state key.
import { sql } from "drizzle-orm";
import type { SessionStore } from "../../../sessions/store.ts";
import type { PoolFigures, StoredFigures } from "../../../telemetry/readings.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { sessions, usage } from "../schema/schema.ts";

export function postgresStatistics(
  engine: Engine,
  store: Pick<SessionStore, "countExpired">,
  pool: () => PoolFigures,
): () => Promise<StoredFigures> {
  const { db } = engine;
  const q = prepared({
    figures: () =>
      db
        .select({
          sessions: sql<number>`(select count(*) from ${sessions})`,
          messagesEver: sql<number>`coalesce(pg_sequence_last_value('messages_id_seq'), 0)`,
          historyBytes: sql<number>`coalesce(sum(${usage.historyBytes}), 0)::bigint`,
          stateBytes: sql<number>`coalesce(sum(${usage.stateBytes}), 0)::bigint`,
          databaseBytes: sql<number>`pg_database_size(current_database())`,
        })
        .from(usage),
  });
  return async () => {
    const [expiredSessions, figures] = await Promise.all([
      store.countExpired(),
      engine.read(() => q.figures.get()),
    ]);
    // The write-ahead log is the server's, and of all its databases.
    return { ...figures!, expiredSessions, logBytes: 0, pool: pool() };
  };
}

// The processes that use the file.
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** The processes that use this file. */
export const instances = sqliteTable("instances", {
  id: text().primaryKey(),
  host: text().notNull(),
  pid: integer().notNull(),
  startedAt: integer("started_at").notNull(),
  heartbeatAt: integer("heartbeat_at").notNull(),
});

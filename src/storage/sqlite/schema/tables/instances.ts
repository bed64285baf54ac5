// The processes that use the file.
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** The processes that use this file. */
export const instances = sqliteTable("instances", {
  id: text().primaryKey(),
  host: text().notNull(),
  pid: integer().notNull(),
  startedAt: integer("started_at").notNull(),
  heartbeatAt: integer("heartbeat_at").notNull(),
  /** True for a process that serves HTTP: limits on calls are shared among these. */
  serves: integer({ mode: "boolean" }).notNull().default(false),
});

/** Work that one process does for all, as long as it lives: `cleanup`. */
export const leases = sqliteTable("leases", {
  name: text().primaryKey(),
  instanceId: text("instance_id")
    .notNull()
    .references(() => instances.id, { onDelete: "cascade" }),
});

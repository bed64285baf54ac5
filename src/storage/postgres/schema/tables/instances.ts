// The processes that use the database.
import { boolean, pgTable } from "drizzle-orm/pg-core";
import { number, text } from "../columns.ts";

/** The processes that use this database. */
export const instances = pgTable("instances", {
  id: text().primaryKey(),
  host: text().notNull(),
  pid: number().notNull(),
  startedAt: number("started_at").notNull(),
  heartbeatAt: number("heartbeat_at").notNull(),
  /** True for a process that serves HTTP: limits on calls are shared among these. */
  serves: boolean().notNull().default(false),
});

/** Work that one process does for all, as long as it lives: `cleanup`. */
export const leases = pgTable("leases", {
  name: text().primaryKey(),
  instanceId: text("instance_id")
    .notNull()
    .references(() => instances.id, { onDelete: "cascade" }),
});

// The tables in PostgreSQL, from which drizzle-kit writes migrations/postgres/. Times are milliseconds; every foreign key
// cascades. Views, triggers and functions are in migrations/postgres/0001_views_and_triggers.sql.
export * from "./tables/access.ts";
export * from "./tables/clients.ts";
export * from "./tables/instances.ts";
export * from "./tables/keyed-calls.ts";
export * from "./tables/messages.ts";
export * from "./tables/oauth.ts";
export * from "./tables/sessions.ts";
export * from "./tables/streams.ts";
export * from "./tables/tasks.ts";
export * from "./tables/upkeep.ts";

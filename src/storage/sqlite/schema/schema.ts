// All tables, from which drizzle-kit writes migrations/. Times are integer milliseconds; every foreign key cascades.
// Views for people and the full-text index are in migrations/0001_views_and_search.sql.
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

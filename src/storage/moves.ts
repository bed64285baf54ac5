// Moves of everything between a data folder and a database on a server.
export { move, type Moved } from "./move/move.ts";
export { postgresSource, postgresTarget } from "./move/postgres-end.ts";
export { sqliteSource, sqliteTarget } from "./move/sqlite-end.ts";

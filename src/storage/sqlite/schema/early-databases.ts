// Databases of the first day. The migration "streams" was changed twice after databases had been made with it. These have it by
// an earlier time, and lack a part.
import type { Sqlite } from "../engine/connection.ts";
import { migrations } from "./migrations.ts";

const STREAMS = migrations[2]!;

/** What came with each change, by the time that the changed migration has. */
const CHANGES = [
  { at: 1795336409442, part: /^CREATE (TABLE|INDEX) `subscriptions/ },
  { at: STREAMS.createdAt, part: /`clients_session`|ADD `present_until`/ },
];

/** Adds what a database of the version `applied` lacks; returns its version then. */
export function complete(sqlite: Sqlite, applied: number | null): number | null {
  const { createdAt, statements } = STREAMS;
  if (applied === null || applied <= migrations[1]!.createdAt || applied >= createdAt)
    return applied;
  for (const { part } of CHANGES.filter(({ at }) => at > applied))
    for (const statement of statements) if (part.test(statement)) sqlite.exec(statement);
  return createdAt;
}

// Rows of the session_state table: the statement that the state itself and imports share.
import { getTableColumns, sql } from "drizzle-orm";
import type { Engine } from "../engine/engine.ts";
import { sessionState } from "../schema/schema.ts";

const { placeholder } = sql;

const { sessionId: _sessionId, ...stateColumns } = getTableColumns(sessionState);
export { stateColumns };

/** Stores an entry in the place of an earlier one; to be run inside a write. */
export const statePut = ({ db }: Engine) =>
  db
    .insert(sessionState)
    .values({
      sessionId: placeholder("sessionId"),
      key: placeholder("key"),
      value: placeholder("value"),
      version: placeholder("version"),
      updatedAt: placeholder("updatedAt"),
      expiresAt: placeholder("expiresAt"),
    })
    .onConflictDoUpdate({
      target: [sessionState.sessionId, sessionState.key],
      set: {
        value: sql`excluded.value`,
        version: sql`excluded.version`,
        updatedAt: sql`excluded.updated_at`,
        expiresAt: sql`excluded.expires_at`,
      },
    })
    .prepare();

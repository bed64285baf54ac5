// The maximum age that the database was last served with. A program without the setting follows it, and so deletes nothing
// that another program keeps.
import type { NodePgDatabase } from "drizzle-orm/node-postgres";
import type { Engine } from "../engine/engine.ts";
import { retention } from "../schema/schema.ts";

/** Milliseconds; `Infinity` for never. */
export async function maxAgeOf(db: NodePgDatabase, told: number | undefined): Promise<number> {
  if (told !== undefined) return told;
  const [row] = await db.select({ age: retention.maxAgeMs }).from(retention);
  return row?.age ?? Infinity;
}

export function rememberMaxAge(engine: Engine, ms: number): Promise<void> {
  const set = { maxAgeMs: ms === Infinity ? null : Math.ceil(ms) };
  return engine.write(async () => {
    await engine.db
      .insert(retention)
      .values({ id: 1, ...set })
      .onConflictDoUpdate({ target: retention.id, set });
  });
}

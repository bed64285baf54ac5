// The maximum age that the data folder was last served with. A program without the setting follows it, and so deletes
// nothing that another program on the folder keeps.
import type { Sqlite } from "../engine/connection.ts";
import type { Engine } from "../engine/engine.ts";
import { retention } from "../schema/schema.ts";

/** Milliseconds; `Infinity` for never. */
export function maxAgeOf(sqlite: Sqlite, told: number | undefined): number {
  if (told !== undefined) return told;
  const row = sqlite
    .prepare<[], { age: number | null }>("SELECT max_age_ms AS age FROM retention")
    .get();
  return row?.age ?? Infinity;
}

export function rememberMaxAge(engine: Engine, ms: number): Promise<void> {
  const set = { maxAgeMs: ms === Infinity ? null : Math.ceil(ms) };
  return engine.write(() => {
    engine.db
      .insert(retention)
      .values({ id: 1, ...set })
      .onConflictDoUpdate({ target: retention.id, set })
      .run();
  });
}

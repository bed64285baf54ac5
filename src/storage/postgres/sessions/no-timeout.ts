// The deletion or gift of a session may take longer than other statements: a session may have millions of messages.
import { sql } from "drizzle-orm";
import type { Engine } from "../engine/engine.ts";

/** To be sent inside a write, before its long statement. */
export async function noTimeout({ db }: Engine): Promise<void> {
  await db.execute(sql`set local statement_timeout = 0`);
}

// Signing keys in PostgreSQL.
import { desc, gte, lt, sql } from "drizzle-orm";
import type { SigningKeyStore } from "../../../protocol/signing-keys.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { signingKeys } from "../schema/schema.ts";

const { placeholder } = sql;

export function postgresSigningKeyStore(engine: Engine): SigningKeyStore {
  const { db } = engine;
  const q = prepared({
    list: () =>
      db
        .select({ secret: signingKeys.secret, createdAt: signingKeys.createdAt })
        .from(signingKeys)
        .where(gte(signingKeys.createdAt, placeholder("oldest")))
        .orderBy(desc(signingKeys.id)),
  });

  return {
    list: (oldest) => engine.read(() => q.list.all({ oldest })),
    add: (secret, { oldest, expired }) =>
      engine.write(async () => {
        await engine.lock("signing keys");
        await db.delete(signingKeys).where(lt(signingKeys.createdAt, expired));
        if ((await q.list.get({ oldest })) !== undefined) return; // another process was faster
        await db
          .insert(signingKeys)
          .values({ secret: Buffer.from(secret), createdAt: engine.clock.now() });
      }),
  };
}

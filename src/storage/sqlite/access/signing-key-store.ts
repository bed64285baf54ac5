// Signing keys in SQLite.
import { desc, gte, lt, sql } from "drizzle-orm";
import type { SigningKeyStore } from "../../../protocol/signing-keys.ts";
import type { Engine } from "../engine/engine.ts";
import { signingKeys } from "../schema/schema.ts";

const { placeholder } = sql;

export function sqliteSigningKeyStore(engine: Engine): SigningKeyStore {
  const { db } = engine;
  const list = db
    .select({ secret: signingKeys.secret, createdAt: signingKeys.createdAt })
    .from(signingKeys)
    .where(gte(signingKeys.createdAt, placeholder("oldest")))
    .orderBy(desc(signingKeys.id))
    .prepare();

  return {
    list: (oldest) => engine.readNow(() => list.all({ oldest })),
    add: (secret, { oldest, expired }) =>
      engine.write(() => {
        db.delete(signingKeys).where(lt(signingKeys.createdAt, expired)).run();
        if (list.get({ oldest }) !== undefined) return; // another process was faster
        db.insert(signingKeys)
          .values({ secret: Buffer.from(secret), createdAt: engine.clock.now() })
          .run();
      }),
  };
}

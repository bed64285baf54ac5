// Sessions that change hands. The words of a large session are indexed in batches before the gift, for both owners, and after it
// for the new one alone.
import { and, eq, sql } from "drizzle-orm";
import type { Principal } from "../../../auth/principal.ts";
import type { SessionStore } from "../../../sessions/store.ts";
import { sessionAlive } from "../../shared/expiry.ts";
import { noSuchSession, takerHasTooMany } from "../../shared/sessions.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import type { Usage } from "../limits/usage.ts";
import { sessions } from "../schema/schema.ts";
import { searchIndex } from "../search/search-index.ts";
import { type postgresSessionNames, sessionsOf } from "./session-names.ts";

const { placeholder } = sql;

/** Messages of one transaction. */
const BATCH = 1_000;

interface Parts {
  usage: Usage;
  writes: WriteAccess;
  names: ReturnType<typeof postgresSessionNames>;
}

type Given = Awaited<ReturnType<SessionStore["give"]>>;

export class Gifts {
  readonly #engine: Engine;
  readonly #parts: Parts;
  readonly #unshare: (id: string, principal: string) => Promise<unknown>;
  readonly #index: ReturnType<typeof searchIndex>;
  readonly #q: ReturnType<typeof statementsOf>;

  constructor(
    engine: Engine,
    parts: Parts,
    unshare: (id: string, principal: string) => Promise<unknown>,
  ) {
    this.#engine = engine;
    this.#parts = parts;
    this.#unshare = unshare;
    this.#index = searchIndex(engine);
    this.#q = statementsOf(engine);
  }

  /** See `SessionStore.give`. */
  async give(id: string, owner: string, max: number, by?: Principal): Promise<Given> {
    // Not a write: the entry of the audit comes with the gift.
    const from = await this.#engine.read(async () => {
      await this.#parts.writes.own(by, id);
      return (await this.#check(id, owner, max)).owner;
    });
    if (from === owner) return this.#give(id, owner, max, 0, by);
    let last = from;
    try {
      const indexed = await this.#changeOwner(id, { to: owner });
      return await this.#give(id, owner, max, indexed, by);
    } catch (error) {
      last = owner;
      throw error;
    } finally {
      // A search finds all that it should without it.
      await this.#changeOwner(id, { from: last }).catch(() => undefined);
    }
  }

  /** `indexed`: the last number of the messages that are indexed for the new owner. */
  #give(id: string, owner: string, max: number, indexed: number, by?: Principal): Promise<Given> {
    const { usage, writes, names } = this.#parts;
    return this.#engine.writeIn(id, async () => {
      await Promise.all([
        this.#engine.lock(sessionsOf(owner)),
        writes.own(by, id),
        this.#engine.noTimeout(),
      ]);
      const current = await this.#check(id, owner, max);
      const named = current.name === null || (await names.free(owner, current.name));
      const [session] = await Promise.all([
        this.#q.give.get({ id, owner, name: named ? current.name : null }),
        this.#unshare(id, owner),
        this.#index.changeOwner(id, { to: owner }, indexed, Number.MAX_SAFE_INTEGER),
        usage.checkSession(id),
      ]);
      return { session: session!, named };
    });
  }

  /** Inside a write. @throws AppError `not_found`, `limit` */
  async #check(id: string, owner: string, max: number) {
    const times = this.#engine.times();
    const [current, count] = await Promise.all([
      this.#q.aliveById.get({ ...times, id }),
      this.#q.countLiving.get({ ...times, owner }),
    ]);
    if (current === undefined) throw noSuchSession();
    if (count!.n >= max) throw takerHasTooMany(owner, max);
    return current;
  }

  /** Changes the owner of all words, in batches; resolves to the last number. */
  async #changeOwner(id: string, change: { from?: string; to?: string }): Promise<number> {
    for (let last = 0; ;) {
      const after = last;
      const next = await this.#engine.writeRelaxed(() =>
        this.#index.changeOwner(id, change, after, BATCH),
      );
      if (next === undefined) return last;
      last = next;
    }
  }
}

function statementsOf({ db }: Engine) {
  const byId = eq(sessions.id, placeholder("id"));
  return prepared({
    aliveById: () => db.select().from(sessions).where(and(byId, sessionAlive)),
    countLiving: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(sessions)
        .where(and(eq(sessions.owner, placeholder("owner")), sessionAlive)),
    // A client of the former owner does not take it away any more.
    give: () =>
      db
        .update(sessions)
        .set({
          owner: sql`${placeholder("owner")}`,
          name: sql`${placeholder("name")}`,
          openedBy: null,
        })
        .where(byId)
        .returning(),
  });
}

// Sessions in SQLite: finding, creating and changing them. Not here: what a session owns, lists, and the end of sessions.
import { and, eq, type SQL, sql } from "drizzle-orm";
import type { Principal } from "../../../auth/principal.ts";
import type { Session } from "../../../sessions/session.ts";
import type { CreatedSession, SessionChanges, SessionStore } from "../../../sessions/store.ts";
import { sessionAlive } from "../../shared/expiry.ts";
import {
  BLANK_SESSION,
  bytesOfFields,
  nameTaken,
  noSuchSession,
  takerHasTooMany,
  withoutUndefined,
  youHaveTooMany,
} from "../../shared/sessions.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import { sqliteMessageDeletion } from "../history/message-deletion.ts";
import type { Usage } from "../limits/usage.ts";
import { sessions } from "../schema/schema.ts";
import type { OwnerIndex } from "../search/owner-index.ts";
import { sqliteSessionActivity } from "./session-activity.ts";
import { sqliteSessionList } from "./session-list.ts";
import { sqliteSessionRemoval } from "./session-removal.ts";
import { sqliteShares } from "./share-rows.ts";
import type { Shrink } from "./shrink.ts";

const { placeholder } = sql;

/** What the parts of the store share. */
export interface SessionParts {
  usage: Usage;
  writes: WriteAccess;
  shrink: Shrink;
  owners: OwnerIndex;
}

export function sqliteSessionStore(engine: Engine, parts: SessionParts): SessionStore {
  const { usage, writes, shrink } = parts;
  const shares = sqliteShares(engine, usage, writes);
  const rows = new SessionRows(engine, parts, (id, owner) => shares.remove(id, owner));
  return {
    findById: (id) => engine.readNow(() => rows.find(id)),
    findByName: (owner, name) => engine.readNow(() => rows.findByName(owner, name)),
    create: (session, max = Infinity, by) => rows.create(session, max, by),
    update: (id, changes, by) => engine.write(() => rows.update(id, changes, by)),
    give: (id, owner, max, by) => rows.give(id, owner, max, by),
    ...shares.methods,
    ...sqliteSessionList(engine),
    ...sqliteSessionActivity(engine),
    ...sqliteSessionRemoval(engine, shrink, writes),
    ...sqliteMessageDeletion(engine, writes),
  };
}

type Created = Awaited<ReturnType<SessionStore["create"]>>;
type Given = Awaited<ReturnType<SessionStore["give"]>>;

class SessionRows {
  readonly #engine: Engine;
  readonly #parts: SessionParts;
  readonly #unshare: (id: string, principal: string) => void;
  readonly #q: ReturnType<typeof statements>;

  constructor(
    engine: Engine,
    parts: SessionParts,
    unshare: (id: string, principal: string) => void,
  ) {
    this.#engine = engine;
    this.#parts = parts;
    this.#unshare = unshare;
    this.#q = statements(engine);
  }

  find(id: string): Session | undefined {
    const times = this.#engine.times();
    const row = this.#engine.cached.sessions.get(id, () => this.#q.byId.get({ id }));
    if (row === undefined) return undefined;
    // An old one may still be in use: only the tables know.
    const { pinned, lastActiveAt, keepMs } = row;
    const fresh =
      pinned || lastActiveAt > Math.max(times.oldest, keepMs === null ? 0 : times.passed - keepMs);
    return fresh ? { ...row } : this.#q.aliveById.get({ ...times, id });
  }

  findByName(owner: string, name: string): Session | undefined {
    return this.#q.findByName.get({ ...this.#engine.times(), owner, name });
  }

  async create(session: CreatedSession, max: number, by?: Principal): Promise<Created> {
    for (let attempt = 1; ; attempt += 1) {
      const made = await this.#engine.write(() => this.#create(session, max, by, attempt));
      if (made !== undefined) return made;
      await this.#parts.shrink.vacate(session.id);
    }
  }

  /** Inside a write; undefined when a large session must go first. */
  #create(
    { id, owner, ...given }: CreatedSession,
    max: number,
    by: Principal | undefined,
    attempt: number,
  ): Created | undefined {
    const { writes, shrink, usage } = this.#parts;
    writes.credentials(by);
    const { name = null } = given;
    const times = this.#engine.times();
    const same = this.#q.aliveById.get({ ...times, id });
    if (same !== undefined && same.owner !== owner) throw noSuchSession();
    const living = same ?? (name === null ? undefined : this.findByName(owner, name));
    if (living !== undefined) return { session: living, created: false };
    // A client's own session has the same id again.
    if (attempt === 1 && shrink.isInTheWay(id)) return undefined;
    // A session that is left under this id or name has expired: delete it, as the cleanup would.
    shrink.remove(id, { whole: true });
    if (name !== null) this.#freeName(owner, name);
    // The quick count is enough nearly always.
    if (this.#q.countOf.get({ owner })!.n >= max && this.#countLiving(owner) >= max)
      throw youHaveTooMany(max);
    const row = { ...BLANK_SESSION, ...withoutUndefined(given), id, owner, now: times.now };
    const session = this.#q.insert.get(row);
    usage.checkSession(id);
    return { session, created: true };
  }

  /** Inside a write. */
  update(id: string, changes: SessionChanges, by?: Principal): Session {
    this.#parts.writes.modify(by, id);
    const current = this.#alive(id);
    const { name, title, system, pinned }: Session = { ...current, ...withoutUndefined(changes) };
    if (name !== null && name !== current.name && !this.#freeName(current.owner, name))
      throw nameTaken(name);
    this.#engine.cached.sessions.delete(id);
    const now = this.#engine.clock.now();
    const row = { id, name, title, system, pinned: pinned ? 1 : 0, now };
    const updated = this.#q.update.get(row);
    if (bytesOfFields(updated) > bytesOfFields(current)) this.#parts.usage.checkSession(id);
    return updated;
  }

  /** The messages of a large session are indexed in batches before the gift and after it, which takes a moment. */
  async give(id: string, owner: string, max: number, by?: Principal): Promise<Given> {
    const { owners } = this.#parts;
    const engine = this.#engine;
    const from = await engine.readNow(() => {
      this.#checkGift(id, owner, max, by);
      const current = this.#alive(id);
      return current.owner !== owner && owners.isLarge(id) ? current.owner : undefined;
    });
    if (from === undefined) return engine.write(() => this.#give(id, owner, max, 0, by));
    let last = owner;
    try {
      const indexed = await owners.indexFor(id, [from, owner]);
      return await engine.write(() => this.#give(id, owner, max, indexed, by));
    } catch (error) {
      last = from;
      throw error;
    } finally {
      await owners.indexFor(id, [last]).catch(() => undefined); // a search finds all that it should without it
    }
  }

  /** Inside a write. `indexed`: the last number of the messages that are indexed for the new owner. */
  #give(id: string, owner: string, max: number, indexed: number, by?: Principal): Given {
    this.#checkGift(id, owner, max, by);
    const current = this.#alive(id);
    const named = current.name === null || this.#freeName(owner, current.name);
    const session = this.#q.give.get({ id, owner, name: named ? current.name : null });
    this.#unshare(id, owner);
    this.#parts.usage.checkSession(id);
    if (current.owner !== owner) this.#parts.owners.indexRest(id, owner, indexed);
    this.#engine.cached.sessions.clear();
    this.#engine.cached.clients.clear();
    return { session, named };
  }

  #checkGift(id: string, owner: string, max: number, by?: Principal): void {
    this.#parts.writes.own(by, id);
    this.#alive(id);
    if (this.#countLiving(owner) >= max) throw takerHasTooMany(owner, max);
  }

  /** @throws AppError `not_found` */
  #alive(id: string): Session {
    const session = this.#q.aliveById.get({ ...this.#engine.times(), id });
    if (session === undefined) throw noSuchSession();
    return session;
  }

  #countLiving(owner: string): number {
    return this.#q.countLiving.get({ ...this.#engine.times(), owner })!.n;
  }

  /** Inside a write: deletes an expired session of that name; false when a living one has it. */
  #freeName(owner: string, name: string): boolean {
    if (this.findByName(owner, name) !== undefined) return false;
    const expired = this.#q.idByName.get({ owner, name });
    if (expired !== undefined) this.#parts.shrink.remove(expired.id);
    return true;
  }
}

function statements({ db }: Engine) {
  const byId = eq(sessions.id, placeholder("id"));
  const byName = and(
    eq(sessions.owner, placeholder("owner")),
    eq(sessions.name, placeholder("name")),
  );
  const owned = eq(sessions.owner, placeholder("owner"));
  const count = (which: SQL | undefined) =>
    db
      .select({ n: sql<number>`count(*)` })
      .from(sessions)
      .where(which)
      .prepare();
  return lazily({
    findByName: () => db.select().from(sessions).where(and(byName, sessionAlive)).prepare(),
    byId: () => db.select().from(sessions).where(byId).prepare(),
    aliveById: () => db.select().from(sessions).where(and(byId, sessionAlive)).prepare(),
    insert: () =>
      db
        .insert(sessions)
        .values({
          id: placeholder("id"),
          owner: placeholder("owner"),
          name: placeholder("name"),
          title: placeholder("title"),
          system: placeholder("system"),
          keepMs: placeholder("keepMs"),
          openedBy: placeholder("openedBy"),
          pinned: false,
          createdAt: placeholder("now"),
          lastActiveAt: placeholder("now"),
        })
        .returning()
        .prepare(),
    update: () =>
      db
        .update(sessions)
        .set({
          name: sql`${placeholder("name")}`,
          title: sql`${placeholder("title")}`,
          system: sql`${placeholder("system")}`,
          pinned: sql`${placeholder("pinned")}`,
          lastActiveAt: sql`max(${sessions.lastActiveAt}, ${placeholder("now")})`,
        })
        .where(byId)
        .returning()
        .prepare(),
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
        .returning()
        .prepare(),
    idByName: () => db.select({ id: sessions.id }).from(sessions).where(byName).prepare(),
    countOf: () => count(owned),
    countLiving: () => count(and(owned, sessionAlive)),
  });
}

// Calls with a request key in PostgreSQL. Whoever acts on a call locks its row, also the one that adopts it: a process that
// has lost a call stores neither its outcome nor a change of it.
import { lt, sql } from "drizzle-orm";
import {
  type IdempotentCall,
  type IdempotentCallStore,
  KEEP_OUTCOMES_MS,
  KeyTaken,
  NOT_KEPT,
} from "../../../idempotency/idempotent-calls.ts";
import { interruptedError } from "../../../lib/errors.ts";
import { NOBODY, resultOf } from "../../shared/keyed-calls.ts";
import type { Engine } from "../engine/engine.ts";
import { postgresExpiring } from "../engine/expiring.ts";
import type { Usage } from "../limits/usage.ts";
import { keyedCalls } from "../schema/schema.ts";
import { callChangeRows, callRows, runnerRows } from "./keyed-call-rows.ts";

const expired = lt(keyedCalls.createdAt, sql.placeholder("oldest"));

export function postgresKeyedCallStore(
  engine: Engine,
  usage: Pick<Usage, "isFull">,
): IdempotentCallStore {
  const { clock } = engine;
  const q = callRows(engine);
  const changes = callChangeRows(engine);
  const runners = runnerRows(engine);
  const makeRoom = outcomeRoom(usage, q);
  const oldest = (): number => engine.ago(KEEP_OUTCOMES_MS);

  const begin: IdempotentCallStore["begin"] = async (call, { instanceId, newSessionId, max }) => {
    const { owner, scope, key, request } = call;
    // One call of a scope begins at a time: their number is bounded, and a key has one row.
    const [, found, registered, count] = await Promise.all([
      engine.lock(scopeOf(call)),
      q.find.get({ owner, scope, key }),
      runners.hold.get({ instanceId }),
      q.count.get({ owner, scope }),
    ]);
    const free = found?.instanceId === NOBODY;
    if (found !== undefined && (found.createdAt < oldest() || (free && found.request !== request)))
      await q.remove.run({ id: found.id });
    else if (found !== undefined) {
      if (found.request !== request) throw new KeyTaken();
      const { id, newSessionId, instanceId: runner } = found;
      if (found.outcome !== null) return { kind: "done", outcome: found.outcome };
      if (!free && runner !== instanceId && (await runners.find.get({ instanceId: runner })))
        return { kind: "running", id: String(id) };
      if (registered === undefined) return { kind: "unregistered" };
      if (!free) return { kind: "lost", id: String(id), newSessionId };
      // Unless the row went with its session just now.
      if ((await q.take.run({ id, instanceId })).changes > 0)
        return { kind: "started", id: String(id), newSessionId };
    }
    if (registered === undefined) return { kind: "unregistered" };
    if (count!.n >= max) await q.dropOldest.run({ owner, scope });
    const row = { owner, scope, key, request, newSessionId, instanceId };
    const [made, isFull] = await Promise.all([
      q.insert.get({ ...row, now: clock.now() }),
      usage.isFull(owner),
    ]);
    const { id } = made!;
    if (isFull) await q.oldestOfOwner.run({ owner, id });
    return { kind: "started", id: String(id), newSessionId };
  };

  return {
    // Those of this process wait here, and not each on a connection.
    begin: (call, mine) =>
      engine.inOrder(scopeOf(call), () => engine.write(() => begin(call, mine))),
    adopt: (call, to) =>
      engine.write(async () => {
        const id = Number(call);
        const [, registered, { changes }] = await Promise.all([
          q.lock.get({ id }),
          runners.hold.get({ instanceId: to }),
          q.adopt.run({ id, to }),
        ]);
        return registered !== undefined && changes === 1;
      }),
    finish: (call, instanceId, outcome) =>
      engine.write(async () => {
        engine.changed("call", call);
        const id = Number(call);
        const finished = await q.finish.get({ id, instanceId, outcome });
        if (finished === undefined) return;
        const [, hasRoom] = await Promise.all([
          changes.forget.run({ id }),
          makeRoom(finished.owner, id),
        ]);
        if (!hasRoom) await q.finish.run({ id, instanceId, outcome: NOT_KEPT });
      }),
    drop: (call, instanceId) =>
      engine.write(async () => {
        engine.changed("call", call);
        const id = Number(call);
        // Without a session, the row keeps the id of the one that the call may have opened.
        if ((await q.free.run({ id, instanceId })).changes > 0) await changes.forget.run({ id });
        else await q.drop.run({ id, instanceId });
      }),
    changes: changesOnce(engine, q, changes),
    ...postgresExpiring(engine, keyedCalls, expired, () => ({ oldest: oldest() })),
  };
}

/**
 * Deletes the oldest outcomes of a principal that has reached its limit: a call that frees space may have a key, too. True if
 * that was enough.
 */
const outcomeRoom =
  ({ isFull }: Pick<Usage, "isFull">, calls: ReturnType<typeof callRows>) =>
  async (owner: string, id: number): Promise<boolean> => {
    if (!(await isFull(owner))) return true;
    const { changes } = await calls.oldestOfOwner.run({ owner, id });
    return changes > 0 && !(await isFull(owner));
  };

const scopeOf = ({ owner, scope }: IdempotentCall): string =>
  `calls of ${JSON.stringify([owner, scope])}`;

/** A run holds its call's row while it makes a change: whoever adopts the call waits, and comes before the next change. */
function changesOnce(
  engine: Engine,
  calls: ReturnType<typeof callRows>,
  changes: ReturnType<typeof callChangeRows>,
): IdempotentCallStore["changes"] {
  return (call, instanceId) => {
    const id = Number(call);
    const counts = new Map<string, number>();
    return (what, act) =>
      engine.accompany((operation) => {
        const n = counts.get(what) ?? 0;
        counts.set(what, n + 1);
        return async () => {
          const [mine, made] = await Promise.all([
            calls.hold.get({ id, instanceId }),
            changes.find.get({ id, what, n }),
          ]);
          if (mine === undefined) throw interruptedError();
          if (made !== undefined) return resultOf(made.result);
          const result = await operation();
          await changes.note.run({ id, what, n, result: JSON.stringify(result) ?? null });
          return result;
        };
      }, act);
  };
}

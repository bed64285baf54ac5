// The setup of IdempotentCallStore's contract: two processes that know of one call.
import type { IdempotentCall } from "../../src/idempotency/idempotent-calls.ts";
import { newId } from "../../src/lib/ids.ts";
import { ANA, newInstance, type Opened } from "./engine.ts";

/** Lifetime of a call, in milliseconds. */
export const KEPT = 24 * 3_600_000;
export const MAX = 9;
export const CALL: IdempotentCall = { owner: ANA, scope: "s-1", key: "k-1", request: "r-1" };

/** Two processes: calls run here, and are repeated there. */
export async function setUp(opened: Opened) {
  const { storage, clock, rows } = opened;
  const [here, there] = [await newInstance(opened), await newInstance(opened)];
  const store = storage.keyedCalls;
  const begin = (
    call: Partial<IdempotentCall> = {},
    mine: { instanceId?: string; max?: number } = {},
  ) =>
    store.begin(
      { ...CALL, ...call },
      { instanceId: there, newSessionId: newId(), max: MAX, ...mine },
    );
  const kind = async (call: Partial<IdempotentCall> = {}, mine = {}): Promise<string> =>
    (await begin(call, mine)).kind;
  /** Takes a key that must be free, here; resolves to the call's id. */
  const start = async (call: Partial<IdempotentCall> = {}, mine = {}): Promise<string> => {
    const started = await begin(call, { instanceId: here, ...mine });
    if (started.kind !== "started") throw new Error(`The call is ${started.kind}.`);
    return started.id;
  };
  return {
    ...{ storage, clock, rows, store, here, there, begin, kind, start },
    /** A call that has ended, with its key as the outcome. */
    done: async (call: Partial<IdempotentCall> = {}, mine = {}) =>
      store.finish(await start(call, mine), here, JSON.stringify(call.key ?? CALL.key)),
    /** The process is gone. */
    die: (instanceId: string) => storage.instances.remove(instanceId),
  };
}

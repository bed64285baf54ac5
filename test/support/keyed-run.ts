// Calls with a request key below the tools: processes on one storage, a call's run and its caller, all in the test's hand.
import { onTestFinished } from "vitest";
import {
  type IdempotentCall,
  IdempotentCalls,
  type KeyedOptions,
  type Outcome,
  type Run,
} from "../../src/idempotency/idempotent-calls.ts";
import { newId } from "../../src/lib/ids.ts";
import { openStorage } from "../../src/storage/open.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { temporaryFolder } from "./folder.ts";
import { ManualClock } from "./manual-clock.ts";

export const CALL: IdempotentCall = { owner: "ana", scope: "s-1", key: "k-1", request: "r-1" };

export async function open(folder?: string): Promise<Storage> {
  const storage = await openStorage({
    ...{ folder, durability: "normal", clock: new ManualClock() },
    expiry: { maxAgeMs: Infinity },
    streamGraceMs: 1_000,
  });
  onTestFinished(() => storage.close());
  return storage;
}

/** A process that uses the storage, and says that it is alive whenever it takes a key. */
export async function process({
  instances,
  keyedCalls,
  changes,
}: Pick<Storage, "instances" | "keyedCalls" | "changes">) {
  const id = newId();
  const confirm = () =>
    instances.heartbeat({ id, host: "h", pid: 1, startedAt: 0, heartbeatAt: 0, serves: false });
  await confirm();
  const runner = {
    id,
    confirm: async () => {
      await confirm();
    },
  };
  const calls = new IdempotentCalls(keyedCalls, runner, changes);
  return {
    id,
    calls,
    once: (options: Partial<KeyedOptions>, call: Partial<IdempotentCall> = {}) =>
      calls.once(
        { ...CALL, ...call },
        {
          ...{ signal: new AbortController().signal, newSessionId: newId(), repeatable: true },
          ...{ run: unexpected, ...options },
        },
      ),
    /** Others find it dead; it may go on all the same. */
    die: () => instances.remove(id),
  };
}

/** Processes that use one data folder. */
export async function processes<const Count extends 2 | 3>(count: Count) {
  const folder = temporaryFolder();
  const opened = Array.from({ length: count }, async () => process(await open(folder)));
  type Process = Awaited<ReturnType<typeof process>>;
  return (await Promise.all(opened)) as Count extends 2
    ? [Process, Process]
    : [Process, Process, Process];
}

const unexpected = () => Promise.reject(new Error("This must not run."));

/** A run that ends at once. */
export const gives = (value: unknown) => async (): Promise<Outcome> => ({ value, keep: true });

/** A run that ends when the test says so, or when it is aborted. */
export function work() {
  const runs: Run[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const begun = Promise.withResolvers<Run>();
  return {
    runs,
    begun: begun.promise,
    fail: reject,
    end: (value: unknown, keep = true) => resolve({ value, keep }),
    run(run: Run): Promise<Outcome> {
      runs.push(run);
      begun.resolve(run);
      run.signal.addEventListener("abort", () => reject(run.signal.reason as Error));
      return promise;
    },
  };
}

/** A caller that can leave. */
export function caller() {
  const controller = new AbortController();
  return { signal: controller.signal, leave: (reason: unknown) => controller.abort(reason) };
}

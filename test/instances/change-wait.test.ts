// The wait of a call or a turn for what another process does.
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { ANYTHING, type Changed, type Changes, ChangeWait } from "../../src/updates/changes.ts";

function setUp() {
  const listeners = new Set<(changed: Changed) => void>();
  const changes: Changes = {
    watch(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
  const tell = (changed: Changed): void => listeners.forEach((listener) => listener(changed));
  return { listeners, tell, wait: new ChangeWait(changes, { kind: "session", id: "s" }) };
}

const only = (session: string): Changed => ({ includes: (_, id) => id === session });
const never = new AbortController().signal;

/** True if the promise settles without any time passing. */
async function isOver(promise: Promise<unknown>): Promise<boolean> {
  let over = false;
  const end = (): void => void (over = true);
  promise.then(end, end);
  await nextTurn();
  return over;
}

it("ends with a change of its subject, also with one that came before it", async () => {
  const { tell, wait } = setUp();
  tell(only("s"));
  expect(await isOver(wait.next(never))).toBe(true);
  const next = wait.next(never);
  tell(only("another"));
  expect(await isOver(next)).toBe(false);
  tell(ANYTHING);
  expect(await isOver(next)).toBe(true);
});

it("ends after the given time without any change, and with the reason of an abort", async () => {
  const { wait } = setUp();
  await wait.next(never, 1);
  const { signal, abort } = abortable();
  const next = wait.next(signal);
  abort("No longer needed.");
  await expect(next).rejects.toBe("No longer needed.");
  await expect(wait.next(signal)).rejects.toBe("No longer needed.");
});

it("watches no longer once it is disposed", () => {
  const { listeners, wait } = setUp();
  expect(listeners.size).toBe(1);
  wait[Symbol.dispose]();
  expect(listeners.size).toBe(0);
});

function abortable(): { signal: AbortSignal; abort(reason: string): void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: (reason) => controller.abort(reason) };
}

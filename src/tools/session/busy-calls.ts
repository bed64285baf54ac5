// Counts the calls of an object that are in progress: a task's run is not left in the middle of one.

/** Runs `act` as work that is under way. */
export type Busy = <T>(act: () => Promise<T>) => Promise<T>;

/** The same object, each call of which is under way until its promise has settled. So are the calls of objects that it has or gives. */
export function countCalls<T extends object>(target: T, busy: Busy): T {
  const part = (value: unknown): unknown => (isPart(value) ? countCalls(value, busy) : value);
  return new Proxy(target, {
    get(_, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return part(value);
      return (...args: unknown[]): unknown => {
        const result: unknown = Reflect.apply(value, target, args);
        return result instanceof Promise ? busy(async () => part(await result)) : result;
      };
    },
  });
}

/** True for an object with calls of its own, not for data. */
function isPart(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== Object.prototype && prototype !== null;
}

// Writes that join another's transaction: an audit entry, the record of a call with a key.

/** Wraps each operation that an act writes, to add writes to the same transaction. */
export type Companion = <T>(operation: () => Promise<T>) => () => Promise<T>;

/**
 * A companion that adds to the first write for whose result `add` returns a promise. That write may run a second time, when it
 * had to give way.
 */
export function withFirst(add: (result: unknown) => Promise<void> | undefined): Companion {
  let chosen: unknown;
  return (operation) => async () => {
    const result = await operation();
    const added = chosen === undefined || chosen === operation ? add(result) : undefined;
    if (added !== undefined) {
      chosen = operation; // at once: another write may be under way
      await added;
    }
    return result;
  };
}

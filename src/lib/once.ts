// Runs a function once: to make a release idempotent, or to make a value at its first use.
/** Call `act` at the first call, and return its result at every call. */
export function once<T>(act: () => T): () => T {
  let done: { value: T } | undefined;
  return () => (done ??= { value: act() }).value;
}

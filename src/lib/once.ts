// For what must be no more than once: what is given back, and what is made when somebody first looks.
/** Does it the first time that it is called; after that it gives what came of it. */
export function once<T>(act: () => T): () => T {
  let done: { value: T } | undefined;
  return () => (done ??= { value: act() }).value;
}

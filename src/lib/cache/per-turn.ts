// Shares what a function gives among those who ask within one turn of the event loop.

/** `read`, called once a turn for each key. */
export function perTurn<T>(read: (key: string | undefined) => T): (key: string | undefined) => T {
  const known = new Map<string | undefined, { value: T }>();
  return (key) => {
    let entry = known.get(key);
    if (entry === undefined) {
      // Requests of the next turn wait for its end, and there this comes first.
      if (known.size === 0) setImmediate(() => known.clear());
      known.set(key, (entry = { value: read(key) }));
    }
    return entry.value;
  };
}

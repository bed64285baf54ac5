// Remembers what a pure function has made of short texts that come again and again, such as a program's headers.
import { boundedCache } from "./bounded-cache.ts";

const MAX_TEXTS = 500;
/** A longer text is read anew each time, which bounds the memory. */
const MAX_CHARACTERS = 500;

/** `read` with a memory of its results. Callers must not change a result. What `read` throws is not remembered. */
export function remember<T extends object>(read: (text: string) => T): (text: string) => T {
  const known = boundedCache<T>(MAX_TEXTS);
  return (text) => {
    if (text.length > MAX_CHARACTERS) return read(text);
    let result = known.get(text);
    if (result === undefined) known.set(text, (result = read(text)));
    return result;
  };
}

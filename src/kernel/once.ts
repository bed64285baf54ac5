// For what is given back: twice must be no more than once.
/** Does it the first time that it is called, and nothing after that. */
export function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}

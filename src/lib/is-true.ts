// The answer of a write that reports whether it has changed something.

export const isTrue = (result: unknown): boolean => result === true;

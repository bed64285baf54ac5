// Counts with their nouns.

/** `1 session`, `2 sessions` */
export const counted = (count: number, thing: string, things = `${thing}s`): string =>
  `${count} ${count === 1 ? thing : things}`;

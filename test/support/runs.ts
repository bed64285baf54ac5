// The number of random inputs of a test. Each run of the tests draws others: a third of them every time finds as much.
const FULL = process.env["RUNS"] === "full";

/** `full`: with the variable RUNS=full. */
export const runs = (full: number): number => (FULL ? full : Math.ceil(full / 3));

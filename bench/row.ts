// The result of a measurement: one line of the table.

export interface Row {
  what: string;
  /** Our number and the other side's, in `unit`. */
  ours: number;
  theirs?: number;
  unit: string;
  /** The figure that counts: a ratio, or `ours` itself. */
  figure: number;
  /** Bound on the figure: at least, or at most. */
  reach?: { atLeast: number } | { atMost: number };
  /** Lowest and highest figure of single rounds. */
  spread?: [number, number];
}

/** A group of measurements, chosen by name on the command line. */
export type Measurement = () => AsyncGenerator<Row>;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * p) / 100))]!;
}

/** Compare two sides that were measured in turn: the ratio of the medians, with each round's ratio as the spread. */
export function ratio(
  what: string,
  unit: string,
  { ours, theirs }: { ours: readonly number[]; theirs: readonly number[] },
  reach?: Row["reach"],
): Row {
  const rounds = ours.map((value, i) => value / theirs[i]!);
  return {
    what,
    unit,
    ours: median(ours),
    theirs: median(theirs),
    figure: median(ours) / median(theirs),
    spread: [Math.min(...rounds), Math.max(...rounds)],
    ...(reach && { reach }),
  };
}

export function met({ figure, reach }: Row): boolean | undefined {
  if (reach === undefined) return undefined;
  return "atLeast" in reach ? figure >= reach.atLeast : figure <= reach.atMost;
}

// A progress bar on standard error, for a person. A pipe and quick work get none.
import { Presets, SingleBar } from "cli-progress";
import ms from "ms";
import type { Terminal } from "./terminal.ts";

export interface Progress {
  /** Advance by `count`. */
  add(count: number): void;
  /** Set the total so far. */
  set(count: number): void;
  /** Remove the bar. */
  end(): void;
}

const NONE: Progress = { add: () => undefined, set: () => undefined, end: () => undefined };

/** `what`: the first word of the bar. A `total` below `worth` is quick work, without a bar. */
export function showProgress(
  { errors }: Pick<Terminal, "errors">,
  { what, total, worth }: { what: string; total: number; worth: number },
): Progress {
  if (errors.isTTY !== true || total < worth) return NONE;
  const bar = new SingleBar(
    {
      ...{ stream: errors, clearOnComplete: true, hideCursor: true, etaBuffer: 1_000 },
      // Replace "INF", the library's word before there is a rate: its own format would cut it to "NFs".
      formatTime: (seconds) =>
        typeof seconds === "number" ? ms(Math.max(seconds, 1) * 1_000) : "some time",
      format: `${what} {bar} {percentage}%  {eta_formatted} left`,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  return {
    add: (count) => bar.increment(count),
    set: (count) => bar.update(count),
    end: () => bar.stop(),
  };
}

/** Run `work` with a function that takes its progress, from 0 to 1. */
export async function withProgress<T>(
  terminal: Pick<Terminal, "errors">,
  what: string,
  work: (onProgress: (done: number) => void) => Promise<T>,
): Promise<T> {
  const bar = showProgress(terminal, { what, total: 1_000, worth: 0 });
  try {
    return await work((done) => bar.set(Math.floor(done * 1_000)));
  } finally {
    bar.end();
  }
}

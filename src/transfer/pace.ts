// Long work in steps, between which others have their turn.
import { setImmediate as nextTurn } from "node:timers/promises";

/** Milliseconds that a step may hold the process. */
const STEP_MS = 10;

export class Pace {
  #began = performance.now();

  /** Await it between two pieces of the work: it lets others run where the last step was long enough. */
  async step(): Promise<void> {
    if (performance.now() - this.#began < STEP_MS) return;
    await nextTurn();
    this.#began = performance.now();
  }
}

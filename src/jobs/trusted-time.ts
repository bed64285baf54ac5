// Ages in time that this process has seen pass. The machine's clock may be set, be wrong for a moment, or go on while
// no process runs; such a jump makes nothing old at once. Rows keep the clock's times. Not here: expiry for security,
// such as keys and tokens, which follows the clock as it is.
import { type Clock, CLOCK_SET } from "../lib/clock.ts";
import { counted } from "../lib/text/plural.ts";

/** A jump of the clock without seen time, in milliseconds. */
export interface Jump {
  /** Length of the jump; negative for a clock that was set back. */
  ms: number;
  /** True if the time has really passed: the machine slept, or this process was suspended or not running. */
  asleep: boolean;
}

/** What the next process of the folder needs to know. Times are milliseconds of the wall clock. */
export interface ClockMemory {
  /** The last reading; 0 for never. */
  readAt: number;
  /** All jumps of a kind as one, at the time of the last. */
  jumps: readonly (Jump & { at: number })[];
}

/** A sentence on the jump and its effect on retention; undefined for a jump that happens every night. */
export function jumpText({ ms, asleep }: Jump): string | undefined {
  const [hours, days] = [Math.abs(ms) / HOUR_MS, Math.abs(ms) / (24 * HOUR_MS)];
  const by =
    hours < 2
      ? counted(Math.round(hours * 60), "minute")
      : days < 2
        ? counted(Math.round(hours), "hour")
        : counted(Math.round(days), "day");
  if (asleep)
    return days < 1
      ? undefined
      : `${by} have passed unseen, in a sleep or a stop: what is due by that waits for one cleanup-interval.`;
  return ms > 0
    ? `The clock went ahead by ${by}: what was used before keeps its whole age from now on.`
    : `The clock went back by ${by}: nothing goes sooner by that.`;
}

const HOUR_MS = 3_600_000;
/** Normal corrections of a clock. */
const SLACK_MS = 60_000;
/** Maximum time since the last reading that is no gap at a start. */
const GAP_MS = 600_000;
/** Interval of anchors, because a clock's drift adds up. */
const ANCHOR_MS = 5_000;
const MAX_JUMPS = 100;

interface Reading {
  now: number;
  /** Time on the monotonic clock. */
  seen: number;
  uptime: number;
}

export class TrustedTime {
  readonly #clock: Clock;
  readonly #onJump: (jump: Jump) => void;
  /** Forward jumps, the oldest first; `at` is seen time. */
  readonly #jumps: (Jump & { at: number })[] = [];
  /** The last reading of a set clock, if there was one. */
  #anchor: Reading;
  #isSet: boolean;
  #onSet: () => void = () => undefined;
  #onChange: () => void = () => undefined;
  readonly #lastReading: number;

  constructor(clock: Clock, memory?: ClockMemory, onJump: (jump: Jump) => void = () => undefined) {
    this.#clock = clock;
    this.#onJump = onJump;
    this.#lastReading = memory?.readAt ?? 0;
    const { now, seen } = (this.#anchor = this.#read());
    for (const { at, ...jump } of memory?.jumps ?? [])
      this.#jumps.push({ ...jump, at: seen - Math.max(0, now - at) });
    this.#isSet = now >= CLOCK_SET;
    if (this.#isSet) this.#noteGap(now);
  }

  /** The jumps to store for the next process. */
  get jumps(): ClockMemory["jumps"] {
    const { now, seen } = this.#read();
    return [true, false].flatMap((asleep) => {
      const jumps = this.#jumps.filter((jump) => jump.asleep === asleep);
      const last = jumps.at(-1);
      if (last === undefined) return [];
      const ms = jumps.reduce((sum, jump) => sum + jump.ms, 0);
      return [{ asleep, ms, at: now - seen + last.at }];
    });
  }

  /** True if the clock shows a plausible time. */
  get isSet(): boolean {
    this.read();
    return this.#isSet;
  }

  /** Calls `act` when an unset clock is set. */
  whenSet(act: () => void): void {
    this.#onSet = act;
  }

  /** Calls `act` when the jumps to store have changed; at once if the start has noted one. */
  whenChanged(act: () => void): void {
    this.#onChange = act;
    if (this.#jumps.length > 0) act();
  }

  /** The clock's times; records a jump since the last reading. */
  read(): { now: number; seen: number } {
    const [now, seen] = [this.#clock.now(), this.#clock.monotonic()];
    if (now >= CLOCK_SET !== this.#isSet) this.#change(now);
    if (!this.#isSet) return { now, seen };
    const passed = seen - this.#anchor.seen;
    if (Math.abs(now - this.#anchor.now - passed) > SLACK_MS) this.#noteJump();
    else if (passed > ANCHOR_MS) this.#anchor = this.#read();
    return { now, seen };
  }

  /**
   * The clock's time `ageMs` ago: rows last used then or before have at least that age. A jump counts only after as
   * much seen time has passed; until then, rows from before the jump are no older.
   */
  ago(ageMs: number): number {
    const { now, seen } = this.read();
    let gained = 0;
    for (const { at, ms } of this.#jumps) if (seen - at < ageMs) gained += ms;
    return now - ageMs - gained;
  }

  /** Remaining time for which rows are kept that have reached this age only because the clock was set. */
  holds(ageMs: number): number {
    const { seen } = this.read();
    const last = this.#jumps.findLast(({ asleep }) => !asleep);
    return last === undefined ? 0 : Math.max(0, ageMs - (seen - last.at));
  }

  #read(): Reading {
    const seen = this.#clock.monotonic();
    return { now: this.#clock.now(), seen, uptime: this.#clock.uptime?.() ?? seen };
  }

  #noteJump(): void {
    const [before, after] = [this.#anchor, this.#read()];
    this.#anchor = after;
    const passed = after.seen - before.seen;
    const slept = Math.max(0, after.uptime - before.uptime - passed);
    const set = after.now - before.now - passed - slept;
    if (slept > SLACK_MS) this.#note({ ms: slept, asleep: true });
    if (Math.abs(set) > SLACK_MS) this.#note({ ms: set, asleep: false });
  }

  #change(now: number): void {
    this.#isSet = !this.#isSet;
    const { now: before } = this.#anchor;
    if (!this.#isSet) return this.#onJump({ ms: now - before, asleep: false });
    if (before < CLOCK_SET) {
      this.#anchor = this.#read(); // the clock was never set: treat this as a start
      this.#noteGap(now);
    }
    // What was dated meanwhile has its whole age from now on, too.
    this.#add({ ms: now, asleep: true });
    this.#onSet();
  }

  #noteGap(now: number): void {
    const ms = now - this.#lastReading;
    if (this.#lastReading > 0 && ms > GAP_MS) this.#add({ ms, asleep: true });
  }

  #note(jump: Jump): void {
    if (jump.ms > 0) this.#add(jump);
    else this.#takeBack(-jump.ms);
    this.#onJump(jump);
  }

  #add(jump: Jump): void {
    this.#jumps.push({ ...jump, at: this.#anchor.seen });
    if (this.#jumps.length > MAX_JUMPS) {
      const { ms } = this.#jumps.shift()!;
      this.#jumps[0]!.ms += ms;
    }
    this.#onChange();
  }

  /** Undoes earlier jumps, the latest first, because the clock was set back. */
  #takeBack(ms: number): void {
    for (const jump of this.#jumps.toReversed()) {
      if (jump.asleep) continue;
      const taken = Math.min(ms, jump.ms);
      jump.ms -= taken;
      ms -= taken;
    }
    const left = this.#jumps.filter((jump) => jump.ms > SLACK_MS);
    this.#jumps.splice(0, Infinity, ...left);
    this.#onChange();
  }
}

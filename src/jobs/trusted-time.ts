// How old something is, in time that this process has seen pass. The machine's clock may be set, be wrong for a moment, or
// go on while nobody was there: what it gained so makes nothing old at once. Rows keep the times that the clock showed.
// Not here: what security ends at a time, such as keys and tokens, which goes by the clock as it is.
import { CLOCK_SET, type Clock } from "../lib/clock.ts";
import { counted } from "../lib/text/plural.ts";

/** The clock has moved without anybody seeing time pass, in milliseconds. */
export interface Jump {
  /** Negative where it was set back. */
  ms: number;
  /** That time has passed all the same: the machine slept, or this process was stopped or not running. */
  asleep: boolean;
}

/** In one sentence, and what it means for what is kept; undefined for what happens every night. */
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
/** Clocks are put right by so much all the time. */
const SLACK_MS = 60_000;
/** A start so soon after the last reading is no gap. */
const GAP_MS = 600_000;
/** Between two anchors: the drift of a clock adds up. */
const ANCHOR_MS = 5_000;
const MAX_JUMPS = 100;

interface Reading {
  now: number;
  /** On the clock of seen time. */
  seen: number;
  uptime: number;
}

export class TrustedTime {
  readonly #clock: Clock;
  readonly #onJump: (jump: Jump) => void;
  /** Forward ones, the oldest first; `at` is of seen time. */
  readonly #jumps: (Jump & { at: number })[] = [];
  /** The last reading of a clock that was set, if there was one. */
  #anchor: Reading;
  #isSet: boolean;
  #onSet: () => void = () => undefined;
  readonly #lastReading: number;

  /** `lastReading`: what the clock last showed to anybody, as far as is stored; 0 for never. */
  constructor(clock: Clock, lastReading = 0, onJump: (jump: Jump) => void = () => undefined) {
    this.#clock = clock;
    this.#onJump = onJump;
    this.#lastReading = lastReading;
    const { now } = (this.#anchor = this.#read());
    this.#isSet = now >= CLOCK_SET;
    if (this.#isSet) this.#noteGap(now);
  }

  /** Whether the clock shows a time at all. */
  get isSet(): boolean {
    this.read();
    return this.#isSet;
  }

  /** Calls this when the clock is set after it was not. */
  whenSet(act: () => void): void {
    this.#onSet = act;
  }

  /** The clock's times; a jump since the last reading is noted. */
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
   * What was last used at this time of the clock, or before, has at least that age. What was gained without being seen
   * counts once so much time was seen since: until then nothing that was used by the clock before is older.
   */
  ago(ageMs: number): number {
    const { now, seen } = this.read();
    let gained = 0;
    for (const { at, ms } of this.#jumps) if (seen - at < ageMs) gained += ms;
    return now - ageMs - gained;
  }

  /** For how much longer to keep what has that age only because the clock was set. */
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
      this.#anchor = this.#read(); // it was never set: this is as a start
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
    if (this.#jumps.length <= MAX_JUMPS) return;
    const { ms } = this.#jumps.shift()!;
    this.#jumps[0]!.ms += ms;
  }

  /** The clock was put right: what it had gained, the last first, was never there. */
  #takeBack(ms: number): void {
    for (const jump of this.#jumps.toReversed()) {
      if (jump.asleep) continue;
      const taken = Math.min(ms, jump.ms);
      jump.ms -= taken;
      ms -= taken;
    }
    const left = this.#jumps.filter((jump) => jump.ms > SLACK_MS);
    this.#jumps.splice(0, Infinity, ...left);
  }
}

// The cutoff of expiry: now, less the maximum age. It advances with time that a process saw pass. A longer step would
// delete what the previous run has kept, because the age was shortened, the clock jumped, or no process ran for a
// while. Such a step is announced first and taken later; until then its rows stay visible and usable. Not here: the
// record's storage, and the rows that a step reaches.
import type { Clock } from "../lib/clock.ts";
import type { TrustedTime } from "./trusted-time.ts";

/** The record for the next start and for other processes. Times are milliseconds of the wall clock. */
export interface CutoffRecord {
  /** The age in force at `seenAt`; `Infinity` for never. */
  maxAgeMs: number;
  /** The last time with this age in force. */
  seenAt: number;
  announced: Announcement | null;
}

export interface Announcement {
  cutoff: number;
  at: number;
  /** The time at which the step may be taken. */
  dueAt: number;
}

/** Consent to a step without announcement: `age` if the operator confirmed this age, `all` for every step. */
export type Consent = "age" | "all";

/** True if the step would delete rows: any were last used after `after` and not after `upTo`. */
type Reach = (after: number, upTo: number) => boolean | Promise<boolean>;

/** Maximum gap between two processes that needs no announcement. */
const GAP_MS = 600_000;
/** Normal corrections of a clock. */
const SLACK_MS = 1_000;

export type CutoffKind = "session" | "client" | "empty";

/** The record of a folder without one: nothing has expired yet. */
const NO_RECORD: CutoffRecord = { maxAgeMs: Infinity, seenAt: 0, announced: null };

export class Cutoff {
  readonly #clock: Clock;
  readonly #time: TrustedTime;
  readonly #maxAgeMs: number;
  readonly #reach: Reach;
  #record: CutoffRecord;
  /** The cutoff at `#reachedAt` of the monotonic clock. */
  #reached: number;
  #reachedAt: number;
  /** The cutoff if this process's age had been in force before. */
  readonly #withThisAge: number;
  readonly #openedAt: number;
  /** Time of the announced step, on the monotonic clock. */
  #dueAt = Infinity;

  static async open(
    clock: Clock,
    time: TrustedTime,
    maxAgeMs: number,
    reach: Reach,
    record: CutoffRecord = NO_RECORD,
  ): Promise<Cutoff> {
    const cutoff = new Cutoff(clock, time, maxAgeMs, reach, record);
    const wanted = behind(clock.now(), maxAgeMs);
    if (!(await cutoff.#isStep(cutoff.#reached, wanted))) cutoff.#reached = wanted;
    return cutoff;
  }

  private constructor(
    clock: Clock,
    time: TrustedTime,
    maxAgeMs: number,
    reach: Reach,
    record: CutoffRecord,
  ) {
    this.#clock = clock;
    this.#time = time;
    this.#maxAgeMs = maxAgeMs;
    this.#reach = reach;
    this.#record = record;
    const now = clock.now();
    const isKnown = record.seenAt > 0;
    const seen = isKnown ? record.seenAt + between(0, now - record.seenAt, GAP_MS) : 0;
    this.#reached = behind(seen, record.maxAgeMs);
    this.#withThisAge = behind(isKnown ? seen : now, maxAgeMs);
    this.#openedAt = this.#reachedAt = clock.monotonic();
    const { announced } = record;
    if (announced !== null) {
      const left = between(-GAP_MS, announced.dueAt - now, announced.dueAt - announced.at);
      this.#dueAt = this.#openedAt + left;
    }
  }

  /** The cutoff: rows last used at it or before have expired. Takes the times of both clocks. */
  at(now: number, monotonic: number): number {
    const reached = this.#reached + monotonic - this.#reachedAt;
    return Math.max(0, Math.min(behind(now, this.#maxAgeMs), reached));
  }

  /**
   * The rows that are due by the age, but wait: last used after `after` and not after `upTo`. `until` is null before a
   * process has announced the step.
   */
  async waiting(): Promise<{ after: number; upTo: number; until: number | null } | undefined> {
    const { after, upTo } = this.#due();
    if (!(await this.#isStep(after, upTo))) return undefined;
    return { after, upTo, until: this.waitsUntil ?? null };
  }

  /** The time of an announced step. */
  get waitsUntil(): number | undefined {
    const { after, upTo, now, monotonic } = this.#due();
    const isAnnounced = this.#record.announced !== null && upTo - after > SLACK_MS;
    return isAnnounced ? now + Math.max(0, this.#dueAt - monotonic) : undefined;
  }

  /**
   * Advances the cutoff as far as allowed, and announces a further step for `graceMs`. After a clock change, earlier
   * rows get their whole age from then on. An unset clock moves nothing. Returns the record to store; `isNew` if it
   * has a new announcement.
   */
  async settle(
    graceMs: number,
    consent?: Consent,
  ): Promise<{ record: CutoffRecord; isNew: boolean }> {
    const [now, monotonic] = [this.#clock.now(), this.#clock.monotonic()];
    if (!this.#time.isSet) return { record: this.#record, isNew: false };
    const wanted = behind(now, this.#maxAgeMs);
    const before = this.#reached + monotonic - this.#reachedAt;
    const announced = this.#announcedReach(monotonic);
    const reached = Math.max(
      before,
      monotonic >= this.#dueAt ? announced : 0,
      consent === "age" ? this.#withThisAge + monotonic - this.#openedAt : 0,
    );
    this.#reachedAt = monotonic;
    if (consent === "all" || !(await this.#isStep(reached, wanted))) {
      this.#reached = wanted;
      this.#dueAt = Infinity;
      this.#record = { maxAgeMs: this.#maxAgeMs, seenAt: now, announced: null };
      return { record: this.#record, isNew: false };
    }
    this.#reached = reached;
    if (reached > before)
      this.#record = {
        ...this.#record,
        maxAgeMs: this.#maxAgeMs,
        seenAt: reached + this.#maxAgeMs,
      };
    const isNew = monotonic >= this.#dueAt || (await this.#isStep(announced, wanted));
    if (isNew) {
      const due = monotonic + Math.max(graceMs, this.#time.holds(this.#maxAgeMs));
      // Never bring forward a step that is announced already.
      this.#dueAt =
        monotonic < this.#dueAt && this.#dueAt < Infinity ? Math.max(this.#dueAt, due) : due;
      const announcement = { cutoff: wanted, at: now, dueAt: now + this.#dueAt - monotonic };
      this.#record = { ...this.#record, announced: announcement };
    }
    return { record: this.#record, isNew };
  }

  /** The end of the announced step by now, including rows that would have expired meanwhile. */
  #announcedReach(monotonic: number): number {
    const { announced } = this.#record;
    if (announced === null) return 0;
    return announced.cutoff + (announced.dueAt - announced.at) - (this.#dueAt - monotonic);
  }

  #due(): { after: number; upTo: number; now: number; monotonic: number } {
    const [now, monotonic] = [this.#clock.now(), this.#clock.monotonic()];
    const [after, upTo] = [this.at(now, monotonic), behind(now, this.#maxAgeMs)];
    return { after, upTo, now, monotonic };
  }

  async #isStep(from: number, to: number): Promise<boolean> {
    return to - from > SLACK_MS && (await this.#reach(from, to));
  }
}

const behind = (time: number, ageMs: number): number => Math.max(0, time - ageMs);

const between = (low: number, value: number, high: number): number =>
  Math.max(low, Math.min(value, high));

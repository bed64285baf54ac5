// Up to when things unused since have expired: the cutoff, the maximum age behind now. It follows time that somebody saw
// pass. A longer step would delete what the run before has kept: the age was set shorter, the clock has jumped, or nobody
// was there for a while. Such a step is announced first and taken later, and until then all it would reach is still there
// to be seen and used. Not here: where the record is kept, and what the step would reach.
import type { Clock } from "../lib/clock.ts";
import type { TrustedTime } from "./trusted-time.ts";

/** For the next start, and for other processes. Times are milliseconds of the wall clock. */
export interface CutoffRecord {
  /** The age that was last in force; `Infinity` for never. */
  maxAgeMs: number;
  /** When that was. */
  seenAt: number;
  announced: Announcement | null;
}

export interface Announcement {
  cutoff: number;
  at: number;
  /** When the step may be taken. */
  dueAt: number;
}

/** Whom a step does not surprise: `age` was told this very age, `all` was asked. */
export type Consent = "age" | "all";

/** Whether anything that could be deleted was last used after the one time, and not after the other. */
type Reach = (after: number, upTo: number) => boolean;

/** A start so soon after the last one is no surprise. */
const GAP_MS = 600_000;
/** Clocks are put right by so much all the time. */
const SLACK_MS = 1_000;

export type CutoffKind = "session" | "client" | "empty";

/** Of a folder without a record: as far as anybody knows, nothing has expired yet. */
const NO_RECORD: CutoffRecord = { maxAgeMs: Infinity, seenAt: 0, announced: null };

export class Cutoff {
  readonly #clock: Clock;
  readonly #time: TrustedTime;
  readonly #maxAgeMs: number;
  readonly #reach: Reach;
  #record: CutoffRecord;
  /** How far the cutoff had come at `#reachedAt` of the monotonic clock. */
  #reached: number;
  #reachedAt: number;
  /** How far it would have come, had the age of this process been in force before. */
  readonly #withThisAge: number;
  readonly #openedAt: number;
  /** When the announced step may be taken, on the monotonic clock. */
  #dueAt = Infinity;

  constructor(
    clock: Clock,
    time: TrustedTime,
    maxAgeMs: number,
    reach: Reach,
    record: CutoffRecord = NO_RECORD,
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
    const wanted = behind(now, maxAgeMs);
    if (!this.#isStep(this.#reached, wanted)) this.#reached = wanted;
  }

  /** What was last used then or before has expired. The times of both clocks, for callers that have them. */
  at(now: number, monotonic: number): number {
    const reached = this.#reached + monotonic - this.#reachedAt;
    return Math.max(0, Math.min(behind(now, this.#maxAgeMs), reached));
  }

  /**
   * What is due by the age, but waits: it was last used after `after` and not after `upTo`. `until` is null where no
   * process has announced it yet.
   */
  get waiting(): { after: number; upTo: number; until: number | null } | undefined {
    const [now, monotonic] = [this.#clock.now(), this.#clock.monotonic()];
    const [after, upTo] = [this.at(now, monotonic), behind(now, this.#maxAgeMs)];
    if (!this.#isStep(after, upTo)) return undefined;
    const isAnnounced = this.#record.announced !== null;
    return { after, upTo, until: isAnnounced ? now + Math.max(0, this.#dueAt - monotonic) : null };
  }

  /**
   * Lets the cutoff come as far as it may; a step that nobody has announced is announced for `graceMs`. Where the clock
   * was set, what was used before has its whole age from then on. A clock that is not set moves nothing.
   * Returns what is to be recorded; `isNew` with an announcement.
   */
  settle(graceMs: number, consent?: Consent): { record: CutoffRecord; isNew: boolean } {
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
    if (consent === "all" || !this.#isStep(reached, wanted)) {
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
    const isNew = monotonic >= this.#dueAt || this.#isStep(announced, wanted);
    if (isNew) {
      const due = monotonic + Math.max(graceMs, this.#time.holds(this.#maxAgeMs));
      // One that is announced already is not taken sooner.
      this.#dueAt =
        monotonic < this.#dueAt && this.#dueAt < Infinity ? Math.max(this.#dueAt, due) : due;
      const announcement = { cutoff: wanted, at: now, dueAt: now + this.#dueAt - monotonic };
      this.#record = { ...this.#record, announced: announcement };
    }
    return { record: this.#record, isNew };
  }

  /** How far the announced step goes by now: what would have expired meanwhile goes with it. */
  #announcedReach(monotonic: number): number {
    const { announced } = this.#record;
    if (announced === null) return 0;
    return announced.cutoff + (announced.dueAt - announced.at) - (this.#dueAt - monotonic);
  }

  #isStep(from: number, to: number): boolean {
    return to - from > SLACK_MS && this.#reach(from, to);
  }
}

const behind = (time: number, ageMs: number): number => Math.max(0, time - ageMs);

const between = (low: number, value: number, high: number): number =>
  Math.max(low, Math.min(value, high));

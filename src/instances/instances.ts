// The instance of this process: its heartbeat, and the discovery of dead instances on the same data folder.
import type { Clock } from "../lib/clock.ts";
import { newId } from "../lib/ids.ts";
import { hasEnded, HOST, isAtWork } from "./liveness.ts";
import type { Instance, InstanceStore, Work } from "./store.ts";

const HEARTBEAT_MS = 5_000;
/** An instance is dead after so much watched time without a new heartbeat. */
const DEAD_AFTER_MS = 15_000;
/** Delay of a heartbeat after which this process does not judge others: they may be delayed as well. */
const LATE_MS = 2_000;

export interface Recovery {
  /** The work that is under way in this process. */
  atWork(): readonly Work[];
  /** Called with the number of chat turns that an instance has left. */
  onInterrupted(turns: number): void;
  /** Called for each dead instance whose rows this one has deleted. */
  onDead(): void;
  /** Called after the rows of dead instances are deleted; takes over what they left. */
  adopt(): Promise<unknown>;
  /** Called when this process was taken for dead and registers again; gives up what others have taken over. */
  giveUp(): Promise<unknown>;
}

const keyOf = ({ kind, id }: Work): string => `${kind} ${id}`;

/** The instances of this process, which may hold several. */
const ownIds = new Set<string>();

export class Instances {
  readonly id = newId();
  readonly #startedAt: number;
  readonly #store: InstanceStore;
  readonly #clock: Clock;
  readonly #recovery: Recovery;
  readonly #onError: (error: unknown) => void;
  /** The last seen heartbeat of each other instance, and the time of its first sight (in time seen by this process). */
  readonly #watched = new Map<string, { heartbeatAt: number; since: number }>();
  /** Stored work at the last look that is not under way here. */
  #strays: ReadonlySet<string> = new Set();
  #serves = false;
  /** Number of other instances that serve HTTP. */
  #othersServing = 0;
  #registered = false;
  #lastBeat = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(
    store: InstanceStore,
    clock: Clock,
    recovery: Recovery,
    onError: (error: unknown) => void,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.#recovery = recovery;
    this.#onError = onError;
  }

  /** Registers this process, recovers what dead instances left, and keeps watching. */
  async start(): Promise<void> {
    ownIds.add(this.id);
    await this.beat();
    this.#beatLater();
  }

  /** Tells the others that this process serves HTTP. */
  async serve(): Promise<void> {
    this.#serves = true;
    await this.confirm();
  }

  /** Number of live processes that serve HTTP, with this one. A change is known within a heartbeat, a death when it is found. */
  get serving(): number {
    return this.#othersServing + 1;
  }

  /** Recovers what dead instances left open. */
  async sweep(): Promise<void> {
    let serving = 0;
    for (const instance of await this.#store.list()) {
      if (!this.#isDead(instance)) {
        if (instance.serves && instance.id !== this.id) serving += 1;
        continue;
      }
      await this.#remove(instance.id, instance.heartbeatAt);
      this.#recovery.onDead();
      this.#watched.delete(instance.id);
    }
    this.#othersServing = serving;
    await this.#recovery.adopt();
  }

  /** Ends the instance. If a write fails, for example on a full disk, the next start finds this instance dead. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#beating;
    try {
      await this.#remove(this.id);
    } catch (error) {
      this.#onError(error);
    }
    ownIds.delete(this.id);
  }

  async #remove(id: string, heartbeatAt?: number): Promise<void> {
    const turns = await this.#store.remove(id, heartbeatAt);
    if (turns > 0) this.#recovery.onInterrupted(turns);
  }

  /** Writes a heartbeat. A process that was taken for dead (a laptop that slept) registers again. */
  async confirm(): Promise<void> {
    const anew = await this.#store.heartbeat({
      id: this.id,
      host: HOST,
      pid: process.pid,
      startedAt: this.#startedAt,
      heartbeatAt: this.#clock.now(),
      serves: this.#serves,
    });
    const returned = anew && this.#registered;
    this.#registered = true;
    if (returned) await this.#recovery.giveUp();
  }

  /** Writes one heartbeat, and checks those of others. */
  async beat(): Promise<void> {
    const began = this.#clock.monotonic();
    const isLate = began - this.#lastBeat > HEARTBEAT_MS + LATE_MS;
    this.#lastBeat = -Infinity; // stays so if the heartbeat fails
    await this.confirm();
    this.#lastBeat = this.#clock.monotonic();
    if (isLate || this.#lastBeat - began > LATE_MS) this.#watched.clear();
    await this.#reconcile();
    await this.sweep();
  }

  /**
   * Abandons stored work that this process does not do: a database that was away has not stored an end, or not said that it
   * stored a beginning. Others would wait for it as long as this process lives. Two looks, because what has begun just now is not
   * known here yet.
   */
  async #reconcile(): Promise<void> {
    const stored = await this.#store.work(this.id);
    const mine = new Set(this.#recovery.atWork().map(keyOf));
    const strays = stored.filter((work) => !mine.has(keyOf(work)));
    const abandoned = strays.filter((work) => this.#strays.has(keyOf(work)));
    this.#strays = new Set(strays.map(keyOf));
    if (abandoned.length > 0) await this.#store.abandon(this.id, abandoned);
  }

  #beatLater(): void {
    this.#timer = setTimeout(() => {
      this.#beating = this.beat()
        .catch(this.#onError)
        .then(() => {
          if (!this.#stopped) this.#beatLater();
        });
    }, HEARTBEAT_MS).unref();
  }

  /**
   * True for a dead instance. An ended process is detected at once. Process ids are reused and other hosts have other
   * tables, so a heartbeat that stands still counts, too. It is watched in time in which this process was awake and
   * could write. An instance whose process still exists may be suspended or unable to write, and may still be working.
   */
  #isDead(instance: Instance): boolean {
    const { id, heartbeatAt } = instance;
    if (ownIds.has(id)) return false;
    if (hasEnded(instance, this.#clock.now())) return true;
    const now = this.#clock.monotonic();
    const watched = this.#watched.get(id);
    if (watched?.heartbeatAt === heartbeatAt)
      return now - watched.since > DEAD_AFTER_MS && !isAtWork(instance, this.#store.file);
    this.#watched.set(id, { heartbeatAt, since: now });
    return false;
  }
}

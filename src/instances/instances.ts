// This process among those that share the data folder: its heartbeat, and the discovery of processes that died.
import type { Clock } from "../lib/clock.ts";
import { newId } from "../lib/ids.ts";
import { hasEnded, HOST, isAtWork } from "./liveness.ts";
import type { Instance, InstanceStore } from "./store.ts";

const HEARTBEAT_MS = 5_000;
/** A process whose heartbeat did not move while this one watched it for so long counts as dead. */
const DEAD_AFTER_MS = 15_000;
/** Who is kept from writing for so long, or from running, cannot judge: others may be kept as well. */
const LATE_MS = 2_000;

export interface Recovery {
  /** Called for each dead instance, before it is forgotten: ends what it left open. */
  recover(instanceId: string): Promise<unknown>;
  /** Called when the dead have been forgotten: takes up what belongs to nobody now. */
  adopt(): Promise<unknown>;
  /** Called when this process was taken for dead and is registered anew: gives up what others have taken over. */
  giveUp(): Promise<unknown>;
}

/** The instances of this process: a program may hold several. */
const ownIds = new Set<string>();

export class Instances {
  readonly id = newId();
  readonly #startedAt: number;
  readonly #store: InstanceStore;
  readonly #clock: Clock;
  readonly #recovery: Recovery;
  readonly #onError: (error: unknown) => void;
  /** The last heartbeat seen of each other instance, and since when (in time that this process has seen pass). */
  readonly #watched = new Map<string, { heartbeatAt: number; since: number }>();
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

  /** Registers this process, recovers what dead ones left, and goes on watching. */
  async start(): Promise<void> {
    ownIds.add(this.id);
    await this.beat();
    this.#beatLater();
  }

  /** Recovers what dead instances left open. */
  async sweep(): Promise<void> {
    for (const instance of await this.#store.list()) {
      if (!this.#isDead(instance)) continue;
      await this.#recovery.recover(instance.id);
      await this.#store.remove(instance.id);
      this.#watched.delete(instance.id);
    }
    await this.#recovery.adopt();
  }

  /** What cannot be written now, on a full disk for instance, the next start does: it finds this instance dead. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#beating;
    try {
      await this.#recovery.recover(this.id);
      await this.#store.remove(this.id);
    } catch (error) {
      this.#onError(error);
    }
    ownIds.delete(this.id);
  }

  /** Notes that this process lives; one that was taken for dead (a laptop that slept) is registered anew. */
  async confirm(): Promise<void> {
    const anew = await this.#store.heartbeat({
      id: this.id,
      host: HOST,
      pid: process.pid,
      startedAt: this.#startedAt,
      heartbeatAt: this.#clock.now(),
    });
    const returned = anew && this.#registered;
    this.#registered = true;
    if (returned) await this.#recovery.giveUp();
  }

  /** One heartbeat, and a look at those of others. */
  async beat(): Promise<void> {
    const began = this.#clock.monotonic();
    const isLate = began - this.#lastBeat > HEARTBEAT_MS + LATE_MS;
    this.#lastBeat = -Infinity; // unless it succeeds
    await this.confirm();
    this.#lastBeat = this.#clock.monotonic();
    if (isLate || this.#lastBeat - began > LATE_MS) this.#watched.clear();
    await this.sweep();
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
   * A process that has ended is seen at once. Process ids are reused and other hosts have other tables, so a heartbeat
   * that stands still decides too; it is watched in time in which this process was awake and could write. Whose process
   * is there all the same is stopped, or kept from writing, and may still be working.
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

// This process among those that share the data folder: its heartbeat, and the discovery of processes that died.
import type { Clock } from "../lib/clock.ts";
import { newId } from "../lib/ids.ts";
import { HOST, isRunning } from "./liveness.ts";
import type { Instance, InstanceStore } from "./store.ts";

const HEARTBEAT_MS = 5_000;
/** A process whose heartbeat did not move while this one watched it for so long counts as dead. */
const DEAD_AFTER_MS = 15_000;

export interface Recovery {
  /** Called for each dead instance, before it is forgotten: ends what it left open. */
  recover(instanceId: string): Promise<unknown>;
  /** Called when the dead have been forgotten: takes up what belongs to nobody now. */
  adopt(): Promise<unknown>;
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
  /** The last heartbeat seen of each other instance, and since when (on this process's own clock of awake time). */
  readonly #watched = new Map<string, { heartbeatAt: number; since: number }>();
  #timer: NodeJS.Timeout | undefined;

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
    await this.#beat();
    this.#timer = setInterval(() => {
      this.#beat().catch(this.#onError);
    }, HEARTBEAT_MS).unref();
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
    clearInterval(this.#timer);
    try {
      await this.#recovery.recover(this.id);
      await this.#store.remove(this.id);
    } catch (error) {
      this.#onError(error);
    }
    ownIds.delete(this.id);
  }

  /** Notes that this process lives; one that was taken for dead (a laptop that slept) is registered anew. */
  confirm(): Promise<void> {
    return this.#store.heartbeat({
      id: this.id,
      host: HOST,
      pid: process.pid,
      startedAt: this.#startedAt,
      heartbeatAt: this.#clock.now(),
    });
  }

  async #beat(): Promise<void> {
    await this.confirm();
    await this.sweep();
  }

  /**
   * On one host the process table tells at once; an instance with this process's id that is none of its own is dead.
   * Ids are reused and other hosts have other tables, so a heartbeat that stands still decides too; it is watched in
   * awake time, because a laptop's sleep ages every row at once.
   */
  #isDead({ id, host, pid, heartbeatAt }: Instance): boolean {
    if (ownIds.has(id)) return false;
    if (host === HOST && (pid === process.pid || !isRunning(pid))) return true;
    const now = performance.now();
    const watched = this.#watched.get(id);
    if (watched?.heartbeatAt === heartbeatAt) return now - watched.since > DEAD_AFTER_MS;
    this.#watched.set(id, { heartbeatAt, since: now });
    return false;
  }
}

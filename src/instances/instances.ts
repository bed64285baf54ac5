// This process among those that share the data folder: its heartbeat, and the discovery of processes that died.
import { hostname } from "node:os";
import type { Clock } from "../kernel/clock.ts";
import { newId } from "../kernel/ids.ts";
import type { Instance, InstanceStore } from "./store.ts";

const HEARTBEAT_MS = 5_000;
/** Without a heartbeat for this long a process counts as dead, whatever its id says. */
const DEAD_AFTER_MS = 30_000;

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
      if (!isDead(instance, this.#clock.now())) continue;
      await this.#recovery.recover(instance.id);
      await this.#store.remove(instance.id);
    }
    await this.#recovery.adopt();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#recovery.recover(this.id);
    await this.#store.remove(this.id);
    ownIds.delete(this.id);
  }

  async #beat(): Promise<void> {
    await this.#store.heartbeat({
      id: this.id,
      host: hostname(),
      pid: process.pid,
      startedAt: this.#startedAt,
      heartbeatAt: this.#clock.now(),
    });
    await this.sweep();
  }
}

/**
 * On one host the process table decides at once; it cannot tell a reused process id, so the heartbeat decides too.
 * In a container every program has the same small id: an instance with this process's id that is none of its own is dead.
 */
function isDead({ id, host, pid, heartbeatAt }: Instance, now: number): boolean {
  if (ownIds.has(id)) return false;
  if (now - heartbeatAt > DEAD_AFTER_MS) return true;
  return host === hostname() && (pid === process.pid || !isRunning(pid));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

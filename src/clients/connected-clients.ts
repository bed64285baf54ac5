// Clients that are connected to this process now, for whoever asks who is there. A row tells every process on the data
// folder, and protects the client and its session from cleanup; it goes with the last connection, and with this process
// when that is found dead. A program without a stream counts for a while after its last request.
import { setImmediate as nextTurn } from "node:timers/promises";
import { activityInterval } from "../lib/activity.ts";
import type { Clock } from "../lib/clock.ts";
import { once } from "../lib/once.ts";
import { CountByKey } from "../lib/count-by-key.ts";
import type { ClientStore } from "../sessions/store.ts";

const SWEEP_MS = 5_000;
/** Every so many sweeps all rows are written again: they went if this process was taken for dead, asleep for instance. */
const SWEEPS_A_ROUND = 6;

/** A stream ends when its program closes it; the end of a request tells nothing. */
export type ConnectionKind = "stream" | "request";

export class ConnectedClients {
  readonly #clock: Clock;
  readonly #instanceId: string;
  readonly #store: Pick<ClientStore, "changeConnections">;
  readonly #onError: (error: unknown) => void;
  readonly #lingerMs: number;
  readonly #open = new CountByKey();
  /** When each client last had a request, the longest ago first. */
  readonly #requests = new Map<string, number>();
  /** Clients with a row. */
  readonly #noted = new Set<string>();
  /** Clients whose row may be wrong. */
  readonly #changed = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  #sweeps = 0;
  #renewing = false;
  #writing = false;
  #closed = false;

  constructor(
    clock: Clock,
    instanceId: string,
    store: Pick<ClientStore, "changeConnections">,
    onError: (error: unknown) => void,
    maxAgeMs = Infinity,
  ) {
    this.#clock = clock;
    this.#instanceId = instanceId;
    this.#store = store;
    this.#onError = onError;
    this.#lingerMs = activityInterval(maxAgeMs);
    this.#timer = setInterval(() => this.sweep(), Math.min(SWEEP_MS, this.#lingerMs)).unref();
  }

  /** Counts one connection of the client until the returned function is called; after a request for a while longer. */
  enter(clientId: string, kind: ConnectionKind): () => void {
    const leave = this.#open.add(clientId);
    this.#mark(clientId);
    return once(() => {
      leave();
      if (kind === "request") this.seen(clientId);
      else this.#requests.delete(clientId);
      this.#mark(clientId);
    });
  }

  /** Notes a request of the client. A write follows only where the client was not there before. */
  seen(clientId: string): void {
    const isNew = !this.#requests.delete(clientId);
    this.#requests.set(clientId, this.#clock.monotonic());
    if (isNew) this.#mark(clientId);
  }

  /** Lets go of programs that have been silent for long enough. */
  sweep(): void {
    const oldest = this.#clock.monotonic() - this.#lingerMs;
    for (const [clientId, at] of this.#requests) {
      if (at > oldest) break;
      this.#requests.delete(clientId);
      this.#changed.add(clientId);
    }
    this.#sweeps += 1;
    if (this.#sweeps % SWEEPS_A_ROUND === 0) this.renew();
    else void this.#write();
  }

  /** Writes all rows again. */
  renew(): void {
    this.#renewing = true;
    void this.#write();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  #isHere(clientId: string): boolean {
    return this.#open.of(clientId) > 0 || this.#requests.has(clientId);
  }

  #mark(clientId: string): void {
    if (this.#isHere(clientId) === this.#noted.has(clientId) && !this.#writing) return;
    this.#changed.add(clientId);
    void this.#write();
  }

  /** One write at a time, for all that has changed by then: who comes and goes within one turn makes none. */
  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    await nextTurn();
    while (!this.#closed && (this.#changed.size > 0 || this.#renewing))
      if (!(await this.#writeChanges())) break;
    this.#writing = false;
  }

  /** Resolves to false where nothing could be written: the next change or sweep tries again. */
  async #writeChanges(): Promise<boolean> {
    const renewing = this.#renewing;
    const ids = [...new Set([...this.#changed, ...(renewing ? this.#noted : [])])];
    this.#changed.clear();
    this.#renewing = false;
    const added = ids.filter((id) => this.#isHere(id) && (renewing || !this.#noted.has(id)));
    const removed = ids.filter((id) => !this.#isHere(id) && this.#noted.has(id));
    if (added.length + removed.length === 0) return true;
    try {
      await this.#store.changeConnections(this.#instanceId, { added, removed });
    } catch (error) {
      for (const id of ids) this.#changed.add(id);
      this.#onError(error);
      return false;
    }
    for (const id of added) this.#noted.add(id);
    for (const id of removed) this.#noted.delete(id);
    return true;
  }
}

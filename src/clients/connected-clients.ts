// The clients that are connected to this process now, for display and protection. A client's row tells every process
// on the data folder, and protects client and session from cleanup. The row goes with the last connection, or with a
// dead process. A client without a stream counts for a while after its last request.
import { setImmediate as nextTurn } from "node:timers/promises";
import { activityInterval } from "../lib/activity.ts";
import type { Clock } from "../lib/clock.ts";
import { CountByKey } from "../lib/collections/count-by-key.ts";
import { ShortLivedMap } from "../lib/collections/short-lived.ts";
import { once } from "../lib/once.ts";
import type { ClientStore } from "../sessions/store.ts";

const SWEEP_MS = 5_000;
/** Sweeps between two renewals of all rows, which are lost if this process was taken for dead, for example asleep. */
const SWEEPS_A_ROUND = 6;

/** The kind of connection. A closed stream means that the client has gone; the end of a request does not. */
export type ConnectionKind = "stream" | "request";

export class ConnectedClients {
  readonly #clock: Clock;
  readonly #instanceId: string;
  readonly #store: Pick<ClientStore, "changeConnections">;
  readonly #onError: (error: unknown) => void;
  readonly #lingerMs: number;
  readonly #open = new CountByKey();
  /** The time of each client's last request. */
  readonly #requests = new ShortLivedMap<string, { at: number }>();
  /** Clients with a row. */
  readonly #noted = new Set<string>();
  /** Clients whose row may be outdated. */
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

  /** Counts a connection of the client until the returned function is called; after a request, for a while longer. */
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

  /** Records a request of the client. Only a client that was not present causes a write. */
  seen(clientId: string): void {
    const at = this.#clock.monotonic();
    const seen = this.#requests.get(clientId);
    if (seen !== undefined) seen.at = at;
    else {
      this.#requests.set(clientId, { at });
      this.#mark(clientId);
    }
  }

  /** Removes clients that have been silent for long enough. */
  sweep(): void {
    const oldest = this.#clock.monotonic() - this.#lingerMs;
    for (const [clientId, { at }] of this.#requests) {
      if (at > oldest) continue;
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

  /** Writes all changes so far, one write at a time. A client that comes and goes within one turn causes none. */
  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    await nextTurn();
    while (!this.#closed && (this.#changed.size > 0 || this.#renewing))
      if (!(await this.#writeChanges())) break;
    this.#writing = false;
  }

  /** Resolves to false if the write failed: the next change or sweep tries again. */
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

import { activityInterval } from "../lib/activity.ts";
// The clients with a live connection in this process. Each one's row says until when it is present. This tells every
// process on the data folder, whatever its settings, that the session is in use and must not be deleted.
import { boundedCache } from "../lib/cache/bounded-cache.ts";
import type { Clock } from "../lib/clock.ts";
import { CountByKey } from "../lib/collections/count-by-key.ts";
import type { ClientStore } from "../sessions/store.ts";
import type { ConnectedClients, ConnectionKind } from "./connected-clients.ts";

export class Presence {
  readonly #clock: Clock;
  readonly #clients: ClientStore;
  readonly #connected: ConnectedClients;
  readonly #onError: (error: unknown) => void;
  readonly #intervalMs: number;
  readonly #connections = new CountByKey();
  readonly #timer: NodeJS.Timeout;
  /** The time of each client's last note. Bounded, as a forgotten client costs only one more write. */
  readonly #noted = boundedCache<number>(10_000);

  constructor(
    clock: Clock,
    maxAgeMs: number,
    clients: ClientStore,
    connected: ConnectedClients,
    onError: (error: unknown) => void,
  ) {
    this.#clock = clock;
    this.#clients = clients;
    this.#connected = connected;
    this.#onError = onError;
    this.#intervalMs = activityInterval(maxAgeMs);
    this.#timer = setInterval(() => this.#note(this.#connections.keys), this.#intervalMs).unref();
  }

  /** Counts a live connection of the client until the returned function is called. */
  enter(clientId: string, kind: ConnectionKind = "stream"): () => void {
    const disconnect = this.#connected.enter(clientId, kind);
    const leave = this.work(clientId);
    return () => {
      leave();
      disconnect();
    };
  }

  /** Counts work without a connection, like `enter`. */
  work(clientId: string): () => void {
    const leave = this.#connections.add(clientId);
    // A note within half an interval holds well beyond the next round of the timer.
    const noted = this.#noted.get(clientId) ?? -Infinity;
    if (this.#clock.monotonic() - noted >= this.#intervalMs / 2) this.#note([clientId]);
    return leave;
  }

  /** Records a request without a lasting connection. */
  seen(clientId: string): void {
    this.#connected.seen(clientId);
  }

  /** Number of clients connected here. */
  get size(): number {
    return this.#connections.keys.length;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** End of presence for a current connection: two intervals from now, so that one late refresh does no harm. */
  get until(): number {
    return this.#clock.now() + 2 * this.#intervalMs;
  }

  #note(clientIds: readonly string[]): void {
    if (clientIds.length === 0) return;
    for (const id of clientIds) this.#noted.set(id, this.#clock.monotonic());
    this.#clients.present(clientIds, this.until).catch((error: unknown) => {
      for (const id of clientIds) this.#noted.delete(id);
      this.#onError(error);
    });
  }
}

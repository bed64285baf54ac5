// Which clients have a live connection in this process. While one has, its `lastSeenAt` is kept fresh, which tells
// every process on the data folder that its session is in use and must not be deleted.
import type { Clock } from "../kernel/clock.ts";
import { activityInterval } from "./activity.ts";
import type { ClientStore } from "./store.ts";

/** A client counts as connected for this long after it was last seen. */
export const presenceWindow = (maxAgeMs: number): number => 2 * activityInterval(maxAgeMs);

export class Presence {
  readonly #clock: Clock;
  readonly #clients: ClientStore;
  readonly #onError: (error: unknown) => void;
  readonly #connections = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(
    clock: Clock,
    maxAgeMs: number,
    clients: ClientStore,
    onError: (error: unknown) => void,
  ) {
    this.#clock = clock;
    this.#clients = clients;
    this.#onError = onError;
    this.#timer = setInterval(() => this.refresh(), activityInterval(maxAgeMs)).unref();
  }

  /** Counts one live connection of the client until the returned function is called. */
  enter(clientId: string): () => void {
    this.#connections.set(clientId, this.count(clientId) + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const rest = this.count(clientId) - 1;
      if (rest > 0) this.#connections.set(clientId, rest);
      else this.#connections.delete(clientId);
    };
  }

  /** Live connections of one client in this process. */
  count(clientId: string): number {
    return this.#connections.get(clientId) ?? 0;
  }

  /** Notes all connected clients as seen, in one write. */
  refresh(): void {
    if (this.#connections.size === 0) return;
    const now = this.#clock.now();
    const times = new Map([...this.#connections.keys()].map((id) => [id, now]));
    this.#clients.touch(times).catch(this.#onError);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

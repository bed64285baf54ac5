// Delivers outboxes to the clients that are connected to this process: at once for this process's changes, within a
// moment for those of another.
import type { SubscriptionStore } from "./store.ts";

/** A part of the server that holds clients' connections. */
export interface ConnectionHolder {
  readonly connectedIds: readonly string[];
  /** Takes over events that another process has stored in streams that are open here. */
  refresh(): Promise<void>;
  /** Delivers the client's outbox, if the client is connected here. */
  deliverWaiting(clientId: string): Promise<void>;
  /** Notifies the connected clients of a changed list. */
  listChanged(list: List): Promise<void>;
}

/** The lists that may change while the server runs. */
export type List = "tools" | "prompts" | "resources";

/** Interval of looks for other processes' changes. */
const POLL_MS = 250;

export class OutboxDelivery {
  readonly #store: SubscriptionStore;
  readonly #onError: (error: unknown) => void;
  readonly #holders: ConnectionHolder[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(store: SubscriptionStore, onError: (error: unknown) => void) {
    this.#store = store;
    this.#onError = onError;
    this.#timer = setInterval(() => void this.#poll(), POLL_MS).unref();
  }

  add(holder: ConnectionHolder): void {
    this.#holders.push(holder);
  }

  /** Delivers these clients' outboxes. */
  deliver(clientIds: readonly string[]): void {
    for (const id of clientIds) {
      for (const holder of this.#holders) holder.deliverWaiting(id).catch(this.#onError);
    }
  }

  /** Notifies all connected clients of a changed list. */
  listChanged(list: List): void {
    for (const holder of this.#holders) holder.listChanged(list).catch(this.#onError);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #poll(): Promise<void> {
    try {
      if (!(await this.#store.changedElsewhere())) return;
      await Promise.all(this.#holders.map((holder) => holder.refresh()));
      const ids = this.#holders.flatMap(({ connectedIds }) => connectedIds);
      this.deliver(await this.#store.waiting(ids));
    } catch (error) {
      this.#onError(error);
    }
  }
}

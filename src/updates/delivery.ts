// Brings what waits in outboxes to the clients that are connected to this process: at once when this process put it
// there, and within a moment when another one did.
import type { SubscriptionStore } from "./store.ts";

/** Somebody who holds connections of clients. */
export interface ConnectionHolder {
  readonly connectedIds: readonly string[];
  /** Takes up what another process has stored in streams that are open here. */
  refresh(): Promise<void>;
  /** Delivers what waits for this client, if it is connected here. */
  deliverWaiting(clientId: string): Promise<void>;
  /** Tells the clients that are connected here that this list is another one now. */
  listChanged(list: List): Promise<void>;
}

/** The lists that may change while the server runs. */
export type List = "tools" | "prompts" | "resources";

/** How often another process's announcements are looked for. */
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

  /** Something was put into these clients' outboxes. */
  deliver(clientIds: readonly string[]): void {
    for (const id of clientIds) {
      for (const holder of this.#holders) holder.deliverWaiting(id).catch(this.#onError);
    }
  }

  /** A list of this process is another one now. */
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

// Delivers outboxes to the clients that are connected to this process: at once for this process's changes, within a
// moment for those of another.
import type { Changed, Changes } from "./changes.ts";
import type { SubscriptionStore } from "./store.ts";

/** A part of the server that holds clients' connections. */
export interface ConnectionHolder {
  readonly connectedIds: readonly string[];
  /** Takes over events that another process has stored in changed streams that are open here. */
  refresh(changed: Changed): Promise<void>;
  /** Delivers the client's outbox, if the client is connected here. */
  deliverWaiting(clientId: string): Promise<void>;
  /** Notifies the connected clients of a changed list. */
  listChanged(list: List): Promise<void>;
}

/** The lists that may change while the server runs. */
export type List = "tools" | "prompts" | "resources";

export class OutboxDelivery {
  readonly #store: SubscriptionStore;
  readonly #onError: (error: unknown) => void;
  readonly #holders: ConnectionHolder[] = [];
  readonly #watch: Disposable;

  constructor(store: SubscriptionStore, changes: Changes, onError: (error: unknown) => void) {
    this.#store = store;
    this.#onError = onError;
    this.#watch = changes.watch((changed) => void this.#takeOver(changed));
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
    this.#watch[Symbol.dispose]();
  }

  async #takeOver(changed: Changed): Promise<void> {
    try {
      await Promise.all(this.#holders.map((holder) => holder.refresh(changed)));
      const ids = this.#holders
        .flatMap(({ connectedIds }) => connectedIds)
        .filter((id) => changed.includes("client", id));
      this.deliver(await this.#store.waiting(ids));
    } catch (error) {
      this.#onError(error);
    }
  }
}

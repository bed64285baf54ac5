// Notifies subscribed clients of changed resources. A notification goes to each client's outbox in the commit of the
// change. The process with the client's connection delivers it from there.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Change, Subscription, SubscriptionStore } from "./store.ts";

/** Maximum number of subscribers that are notified in the commit of the change, which the caller waits for. */
const FIRST = 20;
/** Number of further subscribers per commit. */
const PIECE = 50;

export interface UpdateNotifierOptions {
  store: SubscriptionStore;
  /** Called with the clients whose outboxes have new notifications. */
  onWaiting(clientIds: readonly string[]): void;
  onError(error: unknown): void;
}

export class UpdateNotifier {
  readonly #parts: UpdateNotifierOptions;

  constructor(parts: UpdateNotifierOptions) {
    this.#parts = parts;
  }

  /**
   * Makes a change with `act`, and notifies its subscribers in the same commit. `tells` gets the result of each write
   * and returns true for a real change; the notifications go with the first such write.
   * @throws the errors of `act`
   */
  notifyWith<T>(
    changes: readonly Change[],
    act: () => Promise<T>,
    tells: (result: unknown) => boolean = () => true,
  ): Promise<T> {
    const onTold = (told: readonly Subscription[], areLeft: boolean): void => {
      this.#parts.onWaiting(clientsOf(told));
      if (areLeft) void this.#notify(changes, told);
    };
    const options = { changes, message: updated, tells, most: FIRST, onTold };
    return this.#parts.store.notifyWith(options, act);
  }

  /**
   * Notifies the subscribers of earlier changes. Never rejects: the changes are stored, whatever happens to the
   * notifications.
   */
  notify(changes: readonly Change[]): Promise<void> {
    return this.#notify(changes, []);
  }

  async #notify(changes: readonly Change[], told: readonly Subscription[]): Promise<void> {
    try {
      if (told.length > 0) await nextTurn(); // answer the caller that made the change first
      const found = await this.#parts.store.subscribers(changes);
      const known = new Set(told.map(keyOf));
      const left = found.filter((one) => !known.has(keyOf(one)));
      if (left.length > 0) await this.#tell(left);
    } catch (error) {
      this.#parts.onError(error);
    }
  }

  /** Notifies subscribers in batches, so that other calls can run in between. Never rejects. */
  async #tell(subscriptions: readonly Subscription[]): Promise<void> {
    const { store, onWaiting, onError } = this.#parts;
    try {
      for (let at = 0; at < subscriptions.length; at += PIECE) {
        await nextTurn();
        const piece = subscriptions.slice(at, at + PIECE);
        await store.announce(piece.map((one) => ({ ...one, data: updated(one.uri) })));
        onWaiting(clientsOf(piece));
      }
    } catch (error) {
      onError(error);
    }
  }
}

const keyOf = ({ clientId, uri }: Subscription): string => `${clientId} ${uri}`;

const clientsOf = (subscriptions: readonly Subscription[]): string[] => [
  ...new Set(subscriptions.map(({ clientId }) => clientId)),
];

const updated = (uri: string): string =>
  JSON.stringify({ jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri } });

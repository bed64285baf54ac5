// Tells subscribed clients that a resource has changed: the notification goes to each one's outbox, in the commit of the
// change, and whoever holds the client's connection delivers it from there, in this process or another.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Change, Subscription, SubscriptionStore } from "./store.ts";

/** So many subscribers are told in one commit. */
const PIECE = 100;

export interface UpdateNotifierOptions {
  store: SubscriptionStore;
  /** Told which clients have something waiting now. */
  onWaiting(clientIds: readonly string[]): void;
  onError(error: unknown): void;
}

export class UpdateNotifier {
  readonly #parts: UpdateNotifierOptions;

  constructor(parts: UpdateNotifierOptions) {
    this.#parts = parts;
  }

  /**
   * Makes a change with `act`, and tells its subscribers in its commit. `tells`: whether a write of `act` that gave this
   * has changed something: the notifications go with the first that has.
   * @throws what `act` throws
   */
  notifyWith<T>(
    changes: readonly Change[],
    act: () => Promise<T>,
    tells: (result: unknown) => boolean = () => true,
  ): Promise<T> {
    const onTold = (told: readonly Subscription[], left: readonly Subscription[]): void => {
      this.#parts.onWaiting(clientsOf(told));
      if (left.length > 0) void this.#tell(left);
    };
    const options = { changes, message: updated, tells, most: PIECE, onTold };
    return this.#parts.store.notifyWith(options, act);
  }

  /** Tells of what was changed before. Never rejects: the change is stored, whatever becomes of the notifications. */
  async notify(changes: readonly Change[]): Promise<void> {
    try {
      const found = await this.#parts.store.subscribers(changes);
      if (found.length > 0) await this.#tell(found);
    } catch (error) {
      this.#parts.onError(error);
    }
  }

  /** Very many are told in pieces that let others in between. Never rejects. */
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

const clientsOf = (subscriptions: readonly Subscription[]): string[] => [
  ...new Set(subscriptions.map(({ clientId }) => clientId)),
];

const updated = (uri: string): string =>
  JSON.stringify({ jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri } });

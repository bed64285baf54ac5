// Tells subscribed clients that a resource has changed: the notification goes to each one's outbox, in the commit of the
// change, and whoever holds the client's connection delivers it from there, in this process or another.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Change, Subscription, SubscriptionStore } from "./store.ts";

/** So many subscribers are told in the commit of the change: whoever makes it waits for that. */
const FIRST = 20;
/** So many others are told in one commit. */
const PIECE = 50;

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
    const onTold = (told: readonly Subscription[], areLeft: boolean): void => {
      this.#parts.onWaiting(clientsOf(told));
      if (areLeft) void this.#notify(changes, told);
    };
    const options = { changes, message: updated, tells, most: FIRST, onTold };
    return this.#parts.store.notifyWith(options, act);
  }

  /** Tells of what was changed before. Never rejects: the change is stored, whatever becomes of the notifications. */
  notify(changes: readonly Change[]): Promise<void> {
    return this.#notify(changes, []);
  }

  async #notify(changes: readonly Change[], told: readonly Subscription[]): Promise<void> {
    try {
      if (told.length > 0) await nextTurn(); // whoever made the change is answered first
      const found = await this.#parts.store.subscribers(changes);
      const known = new Set(told.map(keyOf));
      const left = found.filter((one) => !known.has(keyOf(one)));
      if (left.length > 0) await this.#tell(left);
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

const keyOf = ({ clientId, uri }: Subscription): string => `${clientId} ${uri}`;

const clientsOf = (subscriptions: readonly Subscription[]): string[] => [
  ...new Set(subscriptions.map(({ clientId }) => clientId)),
];

const updated = (uri: string): string =>
  JSON.stringify({ jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri } });

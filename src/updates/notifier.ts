// Tells subscribed clients that a resource has changed: the notification goes to each one's outbox, durably, and
// whoever holds the client's connection delivers it from there, in this process or another.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Audience, Subscription, SubscriptionStore } from "./store.ts";

/** So many subscribers are told in one commit. */
const PIECE = 100;

export interface UpdateNotifierOptions {
  store: SubscriptionStore;
  /** Told which clients have something waiting now. */
  onWaiting(clientIds: readonly string[]): void;
  onError(error: unknown): void;
}

/** Whose news it is, and the client that made it and needs none. */
export interface Change extends Audience {
  by: string | undefined;
}

export class UpdateNotifier {
  readonly #parts: UpdateNotifierOptions;

  constructor(parts: UpdateNotifierOptions) {
    this.#parts = parts;
  }

  /**
   * Announces changes to all subscribed clients of the audience but the one that made them. Never rejects: the
   * change itself is stored, whatever becomes of the news.
   */
  notify({ by, ...audience }: Change, uris: readonly string[]): Promise<void> {
    return this.#tell(by, (store) => store.subscribers(audience, uris));
  }

  /** As `announce`, for every resource whose uri continues `uri` with a slash. */
  notifyUnder({ by, ...audience }: Change, uri: string): Promise<void> {
    return this.#tell(by, (store) => store.subscribersBelow(audience, uri));
  }

  async #tell(
    by: string | undefined,
    find: (store: SubscriptionStore) => Promise<Subscription[]>,
  ): Promise<void> {
    const { store, onWaiting, onError } = this.#parts;
    try {
      const others = (await find(store)).filter(({ clientId }) => clientId !== by);
      if (others.length === 0) return;
      const post = async (some: readonly Subscription[]): Promise<void> => {
        await store.announce(some.map(({ clientId, uri }) => ({ clientId, data: updated(uri) })));
        onWaiting([...new Set(some.map(({ clientId }) => clientId))]);
      };
      await post(others.slice(0, PIECE));
      if (others.length > PIECE) void this.#tellRest(others.slice(PIECE), post);
    } catch (error) {
      onError(error);
    }
  }

  /** Very many are told in pieces that let others in between; whoever made the news does not wait for that. */
  async #tellRest(
    others: readonly Subscription[],
    post: (some: readonly Subscription[]) => Promise<void>,
  ): Promise<void> {
    try {
      for (let at = 0; at < others.length; at += PIECE) {
        await nextTurn();
        await post(others.slice(at, at + PIECE));
      }
    } catch (error) {
      this.#parts.onError(error);
    }
  }
}

const updated = (uri: string): string =>
  JSON.stringify({ jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri } });

// Tells subscribed clients that a resource has changed: the notification goes to each one's outbox, durably, and
// whoever holds the client's connection delivers it from there, in this process or another.
import type { Audience, Subscription, SubscriptionStore } from "./subscriptions.ts";

export interface AnnouncerParts {
  store: SubscriptionStore;
  /** Told which clients have something waiting now. */
  onWaiting(clientIds: readonly string[]): void;
  onError(error: unknown): void;
}

/** Whose news it is, and the client that made it and needs none. */
export interface News extends Audience {
  by: string | undefined;
}

export class Announcer {
  readonly #parts: AnnouncerParts;

  constructor(parts: AnnouncerParts) {
    this.#parts = parts;
  }

  /**
   * Announces changes to all subscribed clients of the audience but the one that made them. Never rejects: the
   * change itself is stored, whatever becomes of the news.
   */
  announce({ by, ...audience }: News, uris: readonly string[]): Promise<void> {
    return this.#tell(by, (store) => store.subscribers(audience, uris));
  }

  /** As `announce`, for every resource whose uri continues `uri` with a slash. */
  announceBelow({ by, ...audience }: News, uri: string): Promise<void> {
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
      await store.post(others.map(({ clientId, uri }) => ({ clientId, data: updated(uri) })));
      onWaiting([...new Set(others.map(({ clientId }) => clientId))]);
    } catch (error) {
      onError(error);
    }
  }
}

const updated = (uri: string): string =>
  JSON.stringify({ jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri } });

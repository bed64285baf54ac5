// Subscriptions and outboxes in SQLite.
import type { Subscription, SubscriptionStore } from "../../../updates/store.ts";
import { isFull } from "../disk/ballast.ts";
import { type Engine, withFirst } from "../engine/engine.ts";
import type { OutboxRows } from "./outbox-rows.ts";
import type { SubscriptionRows } from "./subscription-rows.ts";

export function sqliteSubscriptionStore(
  engine: Engine,
  subscriptions: SubscriptionRows,
  outbox: OutboxRows,
): SubscriptionStore {
  return {
    subscribe: (clientId, uris, max) => engine.write(() => subscriptions.add(clientId, uris, max)),
    unsubscribe: (clientId, uris) => engine.write(() => subscriptions.remove(clientId, uris)),
    subscribers: (changes) => engine.readNow(() => subscriptions.subscribersOf(changes)),

    async notifyWith({ changes, message, tells, most, onTold }, act) {
      let found: Subscription[] = [];
      const companion = withFirst((result) => {
        if (!tells(result)) return false;
        try {
          found = subscriptions.subscribersOf(changes, most + 1);
          const told = found.slice(0, most);
          outbox.announce(told.map((one) => ({ ...one, data: message(one.uri) })));
        } catch (error) {
          if (isFull(error)) throw error; // it may have undone the change too
          found = [];
        }
        return true;
      });
      try {
        return await engine.accompany(companion, act);
      } finally {
        if (found.length > 0) onTold(found.slice(0, most), found.length > most);
      }
    },

    post: (messages) =>
      engine.write(() => {
        for (const { clientId, data } of messages) outbox.put(clientId, data);
      }),
    announce: (notices) => engine.write(() => outbox.announce(notices)),
    waiting: (clientIds) => engine.readNow(() => clientIds.filter((id) => outbox.isWaiting(id))),
    take: (clientId) => engine.write(() => outbox.take(clientId).map(({ data }) => data)),
  };
}

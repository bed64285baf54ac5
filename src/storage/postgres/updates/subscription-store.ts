// Subscriptions and outboxes in PostgreSQL.
import type { Subscription, SubscriptionStore } from "../../../updates/store.ts";
import type { Companion } from "../engine/companion.ts";
import type { Engine } from "../engine/engine.ts";
import { isRetryable } from "../engine/errors.ts";
import { inOutboxOrder, type OutboxRows } from "./outbox-rows.ts";
import type { SubscriptionRows } from "./subscription-rows.ts";

export function postgresSubscriptionStore(
  engine: Engine,
  subscriptions: SubscriptionRows,
  outbox: OutboxRows,
): SubscriptionStore {
  return {
    subscribe: (clientId, uris, max) => engine.write(() => subscriptions.add(clientId, uris, max)),
    unsubscribe: (clientId, uris) => engine.write(() => subscriptions.remove(clientId, uris)),
    subscribers: (changes) => engine.read(() => subscriptions.subscribersOf(changes)),

    async notifyWith({ changes, message, tells, most, onTold }, act) {
      let found: Subscription[] = [];
      /** Inside the write of the change: what fails here leaves nothing and does not undo the change. */
      const tell = async (): Promise<void> => {
        try {
          await engine.attempt(async () => {
            found = await subscriptions.subscribersOf(changes, most + 1);
            const told = found.slice(0, most);
            await outbox.announce(told.map((one) => ({ ...one, data: message(one.uri) })));
          });
        } catch (error) {
          if (isRetryable(error)) throw error; // the whole write is done again
          found = [];
        }
      };
      let chosen: unknown;
      const companion: Companion = (operation) => async () => {
        if (chosen !== undefined && chosen !== operation) return operation();
        // Most changes have no subscriber: the look costs no way of its own.
        const [concerns, made] = await Promise.allSettled([
          subscriptions.mayConcern(changes),
          operation(),
        ]);
        if (made.status === "rejected") throw made.reason;
        if (concerns.status === "rejected") throw concerns.reason;
        if (tells(made.value)) {
          chosen = operation;
          found = [];
          if (concerns.value) await tell();
        }
        return made.value;
      };
      try {
        return await engine.accompany(companion, act);
      } finally {
        if (found.length > 0) onTold(found.slice(0, most), found.length > most);
      }
    },

    post: (messages) =>
      inOutboxOrder(
        engine,
        messages.map(({ clientId }) => clientId),
        () =>
          engine.write(async () => {
            await Promise.all(messages.map(({ clientId, data }) => outbox.put(clientId, data)));
          }),
      ),
    announce: (notices) => engine.write(() => outbox.announce(notices)),
    waiting: (clientIds) => engine.read(() => outbox.waiting(clientIds)),
    take: (clientId) =>
      inOutboxOrder(engine, [clientId], () =>
        engine.write(async () => (await outbox.take(clientId)).map(({ data }) => data)),
      ),
  };
}

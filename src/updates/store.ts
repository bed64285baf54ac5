// The port that keeps `resources/subscribe`, and the outboxes that announcements go to.

/** Uris that are equal (`canonicalUri`) are one subscription; news carries the spelling that was asked for last. */
export interface Subscription {
  clientId: string;
  uri: string;
}

/** Who may hear of a change: the owner of what has changed, and whoever the session is shared with. */
export interface Audience {
  owner: string;
  session?: string | undefined;
}

export interface SubscriptionStore {
  /** @throws AppError `limit` for one too many */
  subscribe(subscription: Subscription, max: number): Promise<void>;
  unsubscribe(subscription: Subscription): Promise<void>;
  /** The living clients of the audience that are subscribed to one of the uris. */
  subscribers(audience: Audience, uris: readonly string[]): Promise<Subscription[]>;
  /** The same for every uri that continues this one with a slash. */
  subscribersBelow(audience: Audience, uri: string): Promise<Subscription[]>;
  /** Puts news into outboxes where it is not waiting already, as long as the clients' principals have room. */
  announce(news: readonly { clientId: string; data: string }[]): Promise<void>;
  /** Puts messages into outboxes, at most `MAX_OUTBOX` each. */
  post(messages: readonly { clientId: string; data: string }[]): Promise<void>;
  /** Whether another process has changed the database since the last call. */
  changedElsewhere(): Promise<boolean>;
  /** Those of the clients that have something in their outbox. */
  waiting(clientIds: readonly string[]): Promise<string[]>;
  /** Takes what is in a client's outbox. */
  take(clientId: string): Promise<string[]>;
}

/** The oldest messages beyond this are dropped. */
export const MAX_OUTBOX = 1_000;

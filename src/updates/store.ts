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

/** What has changed, for whom. */
export interface Change extends Audience {
  /** The client that made the change and needs no notification. */
  by: string | undefined;
  uris: readonly string[];
  /** Besides, everything whose uri continues this one with a slash. */
  under?: string | undefined;
}

/** What goes into the outboxes of a change's subscribers, and with which of its writes. */
export interface NotifyOptions {
  changes: readonly Change[];
  message(uri: string): string;
  /** Whether a write that gave this has changed something. The notifications go with the first that has. */
  tells(result: unknown): boolean;
  /** So many subscribers are told with the change. */
  most: number;
  /** Called when the change is stored, with who has a notification now, and whether others are left. */
  onTold(told: readonly Subscription[], areLeft: boolean): void;
}

/** A message of a change to the resource. Of a session, it goes with that. */
export interface News extends Subscription {
  data: string;
}

export interface SubscriptionStore {
  /** @throws AppError `limit` for one too many, or uris that are too long together */
  subscribe(subscription: Subscription, max: number): Promise<void>;
  unsubscribe(subscription: Subscription): Promise<void>;
  /** The living clients of the audiences that are subscribed to what has changed. */
  subscribers(changes: readonly Change[]): Promise<Subscription[]>;
  /** Runs `act`, a change that commits with its notifications. It is made also when these cannot be stored. */
  notifyWith<T>(options: NotifyOptions, act: () => Promise<T>): Promise<T>;
  /** Puts news into outboxes where it is not waiting already, as long as the clients' principals have room. */
  announce(news: readonly News[]): Promise<void>;
  /** Puts messages into outboxes, at most `MAX_OUTBOX` each. */
  post(messages: readonly { clientId: string; data: string }[]): Promise<void>;
  /** Whether another process has changed the database since the last call. */
  changedElsewhere(): Promise<boolean>;
  /** Those of the clients that have something in their outbox. */
  waiting(clientIds: readonly string[]): Promise<string[]>;
  /** Takes what is in a client's outbox. */
  take(clientId: string): Promise<string[]>;
}

/** Of all uris of one client. */
export const MAX_SUBSCRIBED_BYTES = 256_000;
/** The oldest messages beyond this are dropped. */
export const MAX_OUTBOX = 1_000;

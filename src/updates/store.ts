// The port for `resources/subscribe`, and for the outboxes of notifications.

/**
 * A subscription to a uri. Equal uris (`canonicalUri`) are one subscription; notifications carry the latest spelling.
 */
export interface Subscription {
  clientId: string;
  uri: string;
}

/** The principals that a change may be shown to: the owner of the resource, and those the session is shared with. */
export interface Audience {
  owner: string;
  session?: string | undefined;
}

/** The changed resources and their audience. */
export interface Change extends Audience {
  /** The client that made the change and needs no notification. */
  by: string | undefined;
  uris: readonly string[];
  /** Also changes every resource whose uri continues this one with a slash. */
  under?: string | undefined;
}

/** The notifications of a change, and the write that they commit with. */
export interface NotifyOptions {
  changes: readonly Change[];
  message(uri: string): string;
  /** True for the result of a write that made a change. The notifications go with the first such write. */
  tells(result: unknown): boolean;
  /** Maximum number of subscribers that are notified with the change. */
  most: number;
  /** Called after the commit, with the notified subscriptions; `areLeft` says that there are others. */
  onTold(told: readonly Subscription[], areLeft: boolean): void;
}

/** A notification for one subscription. A session's notification is deleted together with the session. */
export interface Notice extends Subscription {
  data: string;
}

export interface SubscriptionStore {
  /**
   * Subscribes a client to all of these uris, or to none.
   * @throws AppError `limit` for more than `max` subscriptions of the client, or too many bytes of uris
   */
  subscribe(clientId: string, uris: readonly string[], max: number): Promise<void>;
  unsubscribe(clientId: string, uris: readonly string[]): Promise<void>;
  /** Subscriptions of the audiences' live clients to the changed resources. */
  subscribers(changes: readonly Change[]): Promise<Subscription[]>;
  /**
   * Runs `act`, a change that commits with its notifications. If these cannot be stored, the change is made even so.
   */
  notifyWith<T>(options: NotifyOptions, act: () => Promise<T>): Promise<T>;
  /** Adds notifications to outboxes that do not have them yet, as long as the clients' principals have room. */
  announce(notices: readonly Notice[]): Promise<void>;
  /** Adds messages to outboxes, at most `MAX_OUTBOX` each. */
  post(messages: readonly { clientId: string; data: string }[]): Promise<void>;
  /** The given clients whose outboxes are not empty. */
  waiting(clientIds: readonly string[]): Promise<string[]>;
  /** Empties a client's outbox and returns its messages. */
  take(clientId: string): Promise<string[]>;
}

/** Maximum bytes of one client's subscribed uris. */
export const MAX_SUBSCRIBED_BYTES = 256_000;
/** Maximum messages in an outbox; the oldest beyond it are dropped. */
export const MAX_OUTBOX = 1_000;

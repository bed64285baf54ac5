// The standalone (GET) streams of one client. Each message goes to exactly one stream, the newest connected one.
// Without a stream, the message waits in the outbox.
import type { DurableStream } from "../../events/durable-stream.ts";
import type { SseStream } from "../../events/sse-stream.ts";
import type { StreamStore } from "../../events/store.ts";
import type { SubscriptionStore } from "../../updates/store.ts";

/** Maximum number of connections per client; one more closes the oldest. */
const MAX_CONNECTIONS = 16;

export interface StandaloneOptions {
  clientId: string;
  store: StreamStore;
  subscriptions: SubscriptionStore;
  maxEvents: number;
}

interface Connection {
  stream: DurableStream;
  sse: SseStream;
}

export class StandaloneStreams {
  readonly #options: StandaloneOptions;
  /** Connections, oldest first. */
  #connections: Connection[] = [];

  constructor(options: StandaloneOptions) {
    this.#options = options;
  }

  /** Makes this connection the receiver of messages, and moves the outbox to it. */
  async add(stream: DurableStream, sse: SseStream): Promise<void> {
    this.#connections.push({ stream, sse });
    if (this.#connections.length > MAX_CONNECTIONS) this.#connections[0]!.sse.close();
    await this.deliverWaiting();
  }

  /** Removes a connection that has ended. */
  remove(sse: SseStream): void {
    this.#connections = this.#connections.filter((connection) => connection.sse !== sse);
  }

  async send(data: string): Promise<void> {
    const { clientId, store, subscriptions, maxEvents } = this.#options;
    const newest = this.#connections.at(-1);
    if (newest === undefined) return subscriptions.post([{ clientId, data }]);
    newest.stream.stored(await store.append(newest.stream.id, data, maxEvents), data);
  }

  /** Moves the outbox to the newest connection, if there is one. */
  async deliverWaiting(): Promise<void> {
    const { clientId, store, maxEvents } = this.#options;
    const newest = this.#connections.at(-1);
    if (newest === undefined) return;
    newest.stream.advance(await store.drain(clientId, newest.stream.id, maxEvents));
  }

  get connected(): boolean {
    return this.#connections.length > 0;
  }
}

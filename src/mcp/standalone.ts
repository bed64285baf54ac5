// The standalone (GET) streams of one client. Each message goes to exactly one: the newest that is connected; with none
// it waits in the outbox for the next.
import { DurableStream } from "../streams/durable-stream.ts";
import type { SseStream } from "../streams/sse-stream.ts";
import type { StreamRecord, StreamStore } from "../streams/store.ts";
import type { SubscriptionStore } from "../streams/subscriptions.ts";

/** The oldest connection ends when a client opens one more. */
const MAX_CONNECTIONS = 16;

export interface StandaloneOptions {
  clientId: string;
  store: StreamStore;
  subscriptions: SubscriptionStore;
  maxEvents: number;
}

export class StandaloneStreams {
  readonly #options: StandaloneOptions;
  /** Oldest first. */
  readonly #streams: DurableStream[] = [];

  constructor(options: StandaloneOptions) {
    this.#options = options;
  }

  /** Connects a new stream, or a known one from behind event `sent`. */
  async connect(record: StreamRecord, sse: SseStream, sent: number, prime: boolean): Promise<void> {
    const { store } = this.#options;
    const known = this.#streams.find(({ id }) => id === record.id);
    const stream = known ?? new DurableStream(store, record);
    if (known) this.#streams.splice(this.#streams.indexOf(known), 1);
    this.#streams.push(stream);
    if (this.#streams.length > MAX_CONNECTIONS) this.#streams.shift()!.detach();
    stream.attach(sse, sent, prime);
    // From here on messages come to this stream; what was kept before moves to it.
    await this.deliverWaiting();
  }

  /** Forgets a stream whose connection `sse` has ended, unless another has taken over. */
  disconnected(streamId: number): void {
    const index = this.#streams.findIndex(({ id, connected }) => id === streamId && !connected);
    if (index >= 0) this.#streams.splice(index, 1);
  }

  async send(data: string): Promise<void> {
    const { clientId, store, subscriptions, maxEvents } = this.#options;
    const stream = this.#newest();
    if (stream === undefined) return subscriptions.post([{ clientId, data }]);
    stream.stored(await store.append(stream.id, data, maxEvents), data);
  }

  /** Moves what waits in the outbox to the newest connected stream, if there is one. */
  async deliverWaiting(): Promise<void> {
    const stream = this.#newest();
    if (stream !== undefined)
      stream.advance(await this.#options.store.drain(this.#options.clientId, stream.id));
  }

  #newest(): DurableStream | undefined {
    return this.#streams.findLast(({ connected }) => connected);
  }

  /** Ids of the streams that somebody is connected to. */
  get connectedIds(): number[] {
    return this.#streams.filter(({ connected }) => connected).map(({ id }) => id);
  }

  detachAll(): void {
    for (const stream of this.#streams.splice(0)) stream.detach();
  }
}

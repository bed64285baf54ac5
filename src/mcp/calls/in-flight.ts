// The requests in flight in this process, which a stop waits for.
import type { Writable } from "node:stream";
import { Bag, type Place } from "../../lib/collections/bag.ts";
import type { PendingResponse } from "./pending-response.ts";
import { Waiters } from "./waiters.ts";

export class PendingResponses {
  readonly #open = new Bag<PendingResponse>();
  /** The HTTP responses of requests without a response object yet. */
  readonly #entered = new Bag<Writable>();
  readonly #waiters = new Waiters();

  /** Tracks a response until it is done, then gives back what its requests held. */
  track(response: PendingResponse, held: Disposable): void {
    const place = this.#open.add(response);
    void response.done.then(() => {
      this.#open.remove(place);
      this.#waiters.tell();
      held[Symbol.dispose]();
    });
  }

  /** Counts a request without a response object until `leave`, by its HTTP response. */
  enter(outgoing: Writable): Place<Writable> {
    return this.#entered.add(outgoing);
  }

  leave(place: Place<Writable>): void {
    this.#entered.remove(place);
    this.#waiters.tell();
  }

  /** The durable streams whose requests run here. */
  get streams(): string[] {
    return this.#open.values.flatMap(({ stream }) => stream?.id ?? []);
  }

  /**
   * Ends the responses whose requests another process has taken over. `own` reads the streams of this process's open
   * requests.
   */
  async giveUp(own: () => Promise<readonly string[]>): Promise<void> {
    const open = this.#open.values; // a copy first: a response that opens during the read is not in the rows
    const owned = new Set(await own());
    await Promise.all(open.map(async (response) => response.giveUp?.(owned)));
  }

  /** Resolves when nothing is in flight, at the latest after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    // A stop does not wait for a caller that has gone.
    for (const place of this.#entered.places) {
      const { value: outgoing } = place;
      if (outgoing.closed) this.leave(place);
      else outgoing.once("close", () => this.leave(place));
    }
    await this.#waiters.until(() => this.#open.size + this.#entered.size === 0, graceMs);
  }
}

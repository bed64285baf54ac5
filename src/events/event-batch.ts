// Messages that are stored in a stream together, as one write.

/** Characters of a batch. A longer message has a batch of its own, so that one for which there is no room takes no other with it. */
const MAX_LENGTH = 16_000;

export class EventBatch {
  readonly #messages: string[];
  #length: number;
  #taken = false;

  constructor(first: string) {
    this.#messages = [first];
    this.#length = first.length;
  }

  /** Adds a message; false if the batch is full, or its write has begun. */
  add(message: string): boolean {
    const length = this.#length + message.length;
    if (this.#taken || length > MAX_LENGTH) return false;
    this.#messages.push(message);
    this.#length = length;
    return true;
  }

  /** The messages, in order. From then on, the batch takes no more. */
  take(): readonly string[] {
    this.#taken = true;
    return this.#messages;
  }
}

// A stream of the event log with at most one connection to it. Messages are stored first; the connection is then fed
// from the log, in order, from where it stands: replay and live delivery are the same thing.
import { formatEventId } from "./event-id.ts";
import type { SseStream } from "./sse-stream.ts";
import type { StreamRecord, StreamStore } from "./store.ts";

const BATCH = 200;

interface Connection {
  sse: SseStream;
  /** The last event that was written to it. */
  sent: number;
  /** Whether it has been fed up to the present once. */
  live: boolean;
  /** Whether it has been fed all of a finished stream. */
  whole: boolean;
  /** Whether it has ended before all was written to it. */
  lost: boolean;
}

/** A stream's record, as far as reading from it needs it. */
export type StreamStart = Pick<StreamRecord, "id" | "publicId" | "lastSeq" | "finishedAt">;

export class DurableStream {
  readonly id: number;
  readonly #publicId: number;
  readonly #log: StreamStore;
  #last: number;
  #finished: boolean;
  #connection: Connection | undefined;
  #pumping = false;

  constructor(log: StreamStore, { id, publicId, lastSeq, finishedAt }: StreamStart) {
    this.#log = log;
    this.id = id;
    this.#publicId = publicId;
    this.#last = lastSeq;
    this.#finished = finishedAt !== null;
  }

  /**
   * Feeds a connection from behind event `sent`; an earlier connection ends, for it may be half-open. `prime`: the reader
   * understands priming events (2025-11-25 and later). It gets one before anything is awaited, so that it has an id to
   * come back with as soon as it has the headers. Resolves when the connection has ended and, if all was written to it,
   * that is stored.
   */
  attach(sse: SseStream, sent: number, prime: boolean): Promise<void> {
    const earlier = this.#connection;
    const connection = { sse, sent, live: false, whole: false, lost: false };
    this.#connection = connection;
    earlier?.sse.close();
    if (prime) sse.prime(this.eventId(sent));
    void this.#pump();
    return this.#settled(connection);
  }

  eventId(seq: number): string {
    return formatEventId({ publicId: this.#publicId, seq });
  }

  /** Whether somebody is connected, or has had everything: the requests of this stream are nobody else's. */
  get isHeard(): boolean {
    return this.#connection?.lost === false;
  }

  async #settled(connection: Connection): Promise<void> {
    const written = await connection.sse.written;
    if (written && connection.whole) {
      // One that cannot be noted is given the same answer when it asks again.
      await this.#log.delivered(this.id).catch(() => undefined);
    } else {
      connection.lost = true;
    }
  }

  /** Ends the connection; the stream can be resumed. */
  detach(): void {
    this.#connection?.sse.close();
    this.#connection = undefined;
  }

  /** Ends the connection with a message that could not be stored: it has no id, so nobody can come back to it. */
  leaveWith(data: string): void {
    if (this.#connection?.live) this.#connection.sse.send(undefined, data);
    this.detach();
  }

  /** Event `seq` has been stored. */
  stored(seq: number, data: string): void {
    this.#last = Math.max(this.#last, seq);
    const connection = this.#connection;
    if (connection?.live && !this.#pumping && connection.sse.hasRoom && seq === connection.sent + 1)
      this.#write(connection, seq, data);
    else void this.#pump();
  }

  /** Events up to `seq` have been stored elsewhere. */
  advance(seq: number): void {
    this.#last = Math.max(this.#last, seq);
    void this.#pump();
  }

  /** The stream is stored as `record` says. */
  catchUp({ lastSeq, finishedAt }: Pick<StreamRecord, "lastSeq" | "finishedAt">): void {
    if (lastSeq > this.#last) this.advance(lastSeq);
    if (finishedAt !== null && !this.#finished) this.finish();
  }

  /** Nothing more will come: the connection ends when it has everything. */
  finish(): void {
    this.#finished = true;
    void this.#pump();
  }

  #write(connection: Connection, seq: number, data: string): void {
    if (data !== "") connection.sse.send(this.eventId(seq), data);
    connection.sent = seq;
  }

  /** Writes what the connection lacks; one pump at a time, for whichever connection is there. */
  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (;;) {
        const connection = this.#connection;
        if (!connection?.sse.open) return;
        if (connection.sent < this.#last) {
          const events = await this.#log.events(this.id, connection.sent, BATCH);
          if (events.length === 0) return connection.sse.close(); // pruned under the reader
          for (const { seq, data } of events) {
            if (!connection.sse.hasRoom) await connection.sse.room();
            this.#write(connection, seq, data);
          }
        } else if (this.#finished) {
          connection.whole = true;
          return connection.sse.close();
        } else {
          connection.live = true;
          return;
        }
      }
    } catch {
      this.detach(); // the log cannot be read now; the client comes back
    } finally {
      this.#pumping = false;
    }
  }
}

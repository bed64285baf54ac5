// A stream of the event log with at most one connection. Messages are stored first. The connection is then fed from
// the log, in order, from its position, so replay and live delivery are the same.
import { formatEventId } from "./event-id.ts";
import type { SseStream } from "./sse-stream.ts";
import type { StreamRecord, StreamStore } from "./store.ts";

interface Connection {
  sse: SseStream;
  /** The last event that was written to the connection. */
  sent: number;
  /** True once the connection has received all events so far. */
  live: boolean;
  /** True once the connection has received all of a finished stream. */
  whole: boolean;
  /** True if the connection ended before everything was written. */
  lost: boolean;
}

/** The part of a stream's record that reading needs. */
export type StreamStart = Pick<StreamRecord, "id" | "publicId" | "lastSeq" | "finishedAt">;

export class DurableStream {
  readonly id: string;
  readonly #publicId: string;
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
   * Feeds a connection from behind event `sent`; an earlier connection is closed, as it may be half-open. `prime`: the
   * client understands priming events (2025-11-25 and later). The priming event is sent synchronously, so the client
   * can resume as soon as it has the headers. Resolves when the connection has ended and complete delivery is stored.
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

  /** True while a client is connected, or after it received everything. Then an equal POST is a new one. */
  get isHeard(): boolean {
    return this.#connection?.lost === false;
  }

  async #settled(connection: Connection): Promise<void> {
    const written = await connection.sse.written;
    if (written && connection.whole) {
      // If this fails, the same POST sent again gets the same answer.
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

  /** Ends the connection with a message that could not be stored. The message has no id, so it cannot be replayed. */
  leaveWith(data: string): void {
    if (this.#connection?.live) this.#connection.sse.send(undefined, data);
    this.detach();
  }

  /** Called after events are stored, of which `last` is the last; writes them at once if the connection is live. */
  stored(last: number, ...data: readonly string[]): void {
    this.#last = Math.max(this.#last, last);
    const connection = this.#connection;
    let seq = last - data.length;
    for (const message of data) {
      seq += 1;
      const isNext =
        connection?.live && !this.#pumping && connection.sse.hasRoom && seq === connection.sent + 1;
      if (!isNext) return void this.#pump();
      this.#write(connection, seq, message);
    }
  }

  /** Called after events up to `seq` were stored elsewhere. */
  advance(seq: number): void {
    this.#last = Math.max(this.#last, seq);
    void this.#pump();
  }

  /** Takes over the stored record of the stream. */
  catchUp({ lastSeq, finishedAt }: Pick<StreamRecord, "lastSeq" | "finishedAt">): void {
    if (lastSeq > this.#last) this.advance(lastSeq);
    if (finishedAt !== null && !this.#finished) this.finish();
  }

  /** Marks the stream as finished; the connection ends when it has everything. */
  finish(): void {
    this.#finished = true;
    void this.#pump();
  }

  #write(connection: Connection, seq: number, data: string): void {
    if (data !== "") connection.sse.send(this.eventId(seq), data);
    connection.sent = seq;
  }

  /** Writes the missing events to the current connection; only one pump runs at a time. */
  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (;;) {
        const connection = this.#connection;
        if (!connection?.sse.open) return;
        if (connection.sent < this.#last) {
          const events = await this.#log.events(this.id, connection.sent);
          if (events.length === 0) return connection.sse.close(); // pruned during the read
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
      this.detach(); // the log is unreadable now; the client reconnects
    } finally {
      this.#pumping = false;
    }
  }
}

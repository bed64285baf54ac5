// The pending response to one POST. Requests that may wait are answered on a durable stream; others are answered as
// JSON, and nothing is stored.
import { setTimeout } from "node:timers/promises";
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/server";
import type { DurableStream } from "../../events/durable-stream.ts";
import { EventBatch } from "../../events/event-batch.ts";
import { SseStream } from "../../events/sse-stream.ts";
import type { Ended, StreamStore } from "../../events/store.ts";
import { AppError } from "../../lib/errors.ts";
import { toJson } from "../../lib/json/json.ts";
import { stopping } from "../../protocol/errors.ts";
import { isNotification } from "../../protocol/json-rpc.ts";
import { ACCEPTED, type HttpAnswer } from "./http-answer.ts";

export interface PendingResponse {
  /** The durable stream of the answers, if any. */
  readonly stream?: { readonly id: string };
  /** Records the session of one of the requests, as the stored answer may hold its content. */
  worksIn(sessionId: string): void;
  /** Resolves when every request has ended. */
  readonly done: Promise<void>;
  /** Answers one of the requests. */
  respond(id: RequestId, message: JSONRPCMessage): Promise<void>;
  /** Sends a message that belongs to a request but does not answer it. */
  notify(message: JSONRPCMessage): Promise<void>;
  /** Ends a cancelled request, which gets no answer. */
  discard(id: RequestId): Promise<void>;
  /** Ends the stream's connection; the client reconnects for the rest. */
  disconnect(): void;
  /** Drops the connection, because the server stops or the client has ended. */
  abort(): void;
  /** Stops the requests if their stream is not in `owned`: another process runs them now. */
  giveUp?(owned: ReadonlySet<string>): Promise<void>;
}

/** The ids of the pending requests, and a promise for their end. */
class PendingIds {
  readonly done: Promise<void>;
  #ids: readonly RequestId[];
  readonly #finish: () => void;

  constructor(ids: readonly RequestId[]) {
    this.#ids = ids;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#finish = resolve;
  }

  /** Ends a request; true if it was pending. */
  end(id: RequestId): boolean {
    const others = this.#ids.filter((one) => one !== id);
    const awaited = others.length < this.#ids.length;
    this.#ids = others;
    if (this.none) this.#finish();
    return awaited;
  }

  get none(): boolean {
    return this.#ids.length === 0;
  }

  endAll(): void {
    this.#ids = [];
    this.#finish();
  }
}

/** Answers in the body of the POST's own response: as JSON, or as an SSE stream after the first notification. */
export class JsonResponse implements PendingResponse {
  readonly answer: Promise<HttpAnswer>;
  readonly #awaited: PendingIds;
  readonly #batch: boolean;
  readonly #answers: JSONRPCMessage[] = [];
  readonly #settle: (answer: HttpAnswer) => void;
  readonly #fail: (error: AppError) => void;
  readonly #onGone: () => void;
  #stream: SseStream | undefined;

  /**
   * `batch`: the requests came as an array, so the answer is an array. `onGone` is called when the caller disconnects
   * early.
   */
  constructor(ids: readonly RequestId[], batch: boolean, onGone: () => void = () => undefined) {
    this.#awaited = new PendingIds(ids);
    this.#batch = batch;
    this.#onGone = onGone;
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
    this.answer = promise;
    this.#settle = resolve;
    this.#fail = reject;
    if (ids.length === 0) this.#respondAndEnd(); // the POST had only notifications and answers
  }

  get done(): Promise<void> {
    return this.#awaited.done;
  }

  /** `status` is the HTTP status, unless a stream has begun. */
  async respond(id: RequestId, message: JSONRPCMessage, status = 200): Promise<void> {
    if (!this.#awaited.end(id)) return;
    if (this.#stream) this.#stream.send(undefined, JSON.stringify(message));
    else this.#answers.push(message);
    if (this.#awaited.none) this.#respondAndEnd(status);
  }

  async notify(message: JSONRPCMessage): Promise<void> {
    this.openStream().send(undefined, JSON.stringify(message));
  }

  /** Turns the response into a stream. */
  openStream(): SseStream {
    if (this.#stream) return this.#stream;
    const stream = new SseStream(() => this.leave());
    this.#stream = stream;
    for (const answer of this.#answers.splice(0)) stream.send(undefined, JSON.stringify(answer));
    this.#settle({ stream });
    return stream;
  }

  /** Ends the requests, because the caller has disconnected. */
  leave(): void {
    if (this.#awaited.none) return;
    this.#awaited.endAll();
    this.#onGone();
  }

  async discard(id: RequestId): Promise<void> {
    if (this.#awaited.end(id) && this.#awaited.none) this.#respondAndEnd();
  }

  worksIn(): void {
    // Nothing is stored.
  }

  disconnect(): void {
    // A JSON answer is one body, with nothing to reconnect for.
  }

  abort(): void {
    this.#stream?.close();
    this.answer.catch(() => undefined); // its caller may not await it yet
    this.#fail(stopping());
    this.#awaited.endAll();
  }

  #respondAndEnd(status = 200): void {
    this.#stream?.close();
    const [first] = this.#answers;
    this.#settle(
      first === undefined
        ? ACCEPTED
        : { status, body: toJson(this.#batch ? this.#answers : first) },
    );
    this.#awaited.endAll();
  }
}

/** Pauses before further tries to store an answer, in milliseconds. */
const STORE_AGAIN_MS = [250, 1_000, 3_000] as const;

/** Maximum number of notifications that wait for their commit; a call that sends more waits with them. */
const MAX_UNSTORED = 64;

/** The highest reported progress, by progress token: progress only grows, even after a re-run. */
export type ToldProgress = Map<unknown, number>;

export interface StreamResponseOptions {
  clientId: string;
  ids: readonly RequestId[];
  stream: DurableStream;
  store: StreamStore;
  maxEvents: number;
  instanceId: string;
  /** Called when another process runs the requests now, to stop them here. */
  onTakenOver(): void;
  /** The progress that an earlier run reported. */
  progressed?: ToldProgress | undefined;
}

/** Answers on a durable stream: each message is stored first, then written to the connection. */
export class StreamResponse implements PendingResponse {
  readonly #options: StreamResponseOptions;
  readonly #awaited: PendingIds;
  readonly #progressed: ToldProgress;
  /** The sessions of the calls; `#unnoted` has those not stored with the stream yet. */
  readonly #sessions = new Set<string>();
  #unnoted: readonly string[] = [];
  /** The notifications whose write has not begun. */
  #waiting: { events: EventBatch; stored: Promise<void>; settled: Promise<void> } | undefined;
  #unstored = 0;
  /** True when this process has ended the last request of the stream. */
  #finished = false;

  constructor(options: StreamResponseOptions) {
    this.#options = options;
    this.#awaited = new PendingIds(options.ids);
    this.#progressed = options.progressed ?? new Map<unknown, number>();
  }

  get done(): Promise<void> {
    return this.#awaited.done;
  }

  get stream(): DurableStream {
    return this.#options.stream;
  }

  worksIn(sessionId: string): void {
    if (this.#sessions.has(sessionId)) return;
    this.#sessions.add(sessionId);
    this.#unnoted = [...this.#unnoted, sessionId];
    this.#waiting = undefined; // what comes now is stored with this session
  }

  /** Stores the sessions together with the message of `store`. */
  async #noting<T>(store: (sessions: readonly string[]) => Promise<T>): Promise<T> {
    const sessions = this.#unnoted;
    const result = await store(sessions);
    if (sessions.length > 0) this.#unnoted = this.#unnoted.filter((id) => !sessions.includes(id));
    return result;
  }

  async respond(id: RequestId, message: JSONRPCMessage): Promise<void> {
    const { stream } = this.#options;
    const data = JSON.stringify(message);
    this.#waiting = undefined; // later messages stay behind the answer
    try {
      const ended = await this.#storeAnswer(id, data);
      if (ended === undefined) return await this.#takenOver();
      stream.stored(ended.seq, data);
      if (ended.finished) stream.finish();
    } catch (error) {
      // Send the answer even so. The request stays open, and the next start ends it.
      stream.leaveWith(data);
      throw error;
    } finally {
      this.#awaited.end(id);
    }
  }

  /** Retries, so that a full or briefly failing disk does not lose the answer of a completed call. */
  async #storeAnswer(id: RequestId, data: string): Promise<Ended | undefined> {
    const { store, stream, instanceId } = this.#options;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#noting(async (sessions) => {
          const ended = await store.answer(stream.id, id, data, instanceId, sessions);
          this.#finished ||= ended?.finished === true;
          return ended;
        });
      } catch (error) {
        const wait = STORE_AGAIN_MS[attempt];
        if (wait === undefined || this.#awaited.none) throw error;
        await setTimeout(wait);
      }
    }
  }

  /**
   * Stops the requests, because another process took this one for dead and its stored messages count. The client
   * reconnects for the rest.
   */
  async #takenOver(): Promise<void> {
    const { store, stream, clientId, onTakenOver } = this.#options;
    onTakenOver();
    this.#awaited.endAll();
    const record = await store.find(clientId, stream.id);
    if (record?.finishedAt == null) stream.detach();
    else stream.catchUp(record);
  }

  /**
   * Resolves when the notification is queued: it is stored and sent in order, before later messages. The handler does
   * not wait for the disk. Notifications of one turn of the event loop, and the answer behind them, share a commit.
   */
  async notify(message: JSONRPCMessage): Promise<void> {
    if (!noteProgress(message, this.#progressed)) return; // the earlier run has reported it
    const { stored, settled } = this.#append(JSON.stringify(message));
    this.#unstored += 1;
    if (!isNotification(message)) return stored;
    if (this.#unstored >= MAX_UNSTORED) await settled;
  }

  /** Adds a message to those that are waiting, which are stored as one. */
  #append(data: string): { stored: Promise<void>; settled: Promise<void> } {
    if (this.#waiting?.events.add(data)) return this.#waiting;
    const events = new EventBatch(data);
    const stored = this.#store(events);
    const settled = stored.catch(() => undefined); // a lost notification must not fail the call
    this.#waiting = { events, stored, settled };
    return this.#waiting;
  }

  async #store(events: EventBatch): Promise<void> {
    const { store, stream, maxEvents, instanceId } = this.#options;
    try {
      const last = await this.#noting((sessions) =>
        store.append(stream.id, events, maxEvents, instanceId, sessions),
      );
      stream.stored(last, ...events.take());
    } catch (error) {
      // Behind this process's own last answer, a message of a handler that has returned is only dropped.
      const isTaken = error instanceof AppError && error.code === "interrupted" && !this.#finished;
      if (isTaken) await this.#takenOver();
      throw error;
    } finally {
      this.#unstored -= events.take().length; // a failed one takes no more either
    }
  }

  async discard(id: RequestId): Promise<void> {
    const { store, stream } = this.#options;
    this.#waiting = undefined;
    const ended = await store.retire(stream.id, id);
    if (ended?.finished) {
      this.#finished = true;
      stream.finish();
    }
    this.#awaited.end(id);
  }

  disconnect(): void {
    this.#options.stream.detach();
  }

  async giveUp(owned: ReadonlySet<string>): Promise<void> {
    if (!owned.has(this.#options.stream.id) && !this.#awaited.none) await this.#takenOver();
  }

  abort(): void {
    this.disconnect();
    this.#awaited.endAll();
  }
}

/** Records a notification's progress; false if an earlier one reported as much. True for any other message. */
export function noteProgress(message: JSONRPCMessage, told: ToldProgress): boolean {
  if (!("method" in message) || message.method !== "notifications/progress") return true;
  const { progress, progressToken } = message.params as {
    progress: number;
    progressToken: unknown;
  };
  if (progress <= (told.get(progressToken) ?? -Infinity)) return false;
  told.set(progressToken, progress);
  return true;
}

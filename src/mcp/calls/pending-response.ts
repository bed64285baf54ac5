// One POST: the requests it brought, and where their answers go. What may wait goes to a durable stream; the rest is
// answered as JSON and keeps nothing.
import { setTimeout } from "node:timers/promises";
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/server";
import { AppError } from "../../lib/errors.ts";
import type { DurableStream } from "../../events/durable-stream.ts";
import { sseResponse, SseStream } from "../../events/sse-stream.ts";
import type { Ended, StreamStore } from "../../events/store.ts";
import { toJson } from "../../lib/json/json.ts";
import { jsonResponse } from "./json-response.ts";
import { isNotification, RPC, rpcError } from "../../protocol/json-rpc.ts";

export interface PendingResponse {
  /** One of the requests works in this session: what is answered here may hold its words. */
  worksIn(sessionId: string): void;
  /** Resolves when every request has ended. */
  readonly done: Promise<void>;
  /** The answer to one of the requests. */
  respond(id: RequestId, message: JSONRPCMessage): Promise<void>;
  /** A message that belongs to a request but does not answer it. */
  notify(message: JSONRPCMessage): Promise<void>;
  /** Ends a request that will have no answer, because it was cancelled. */
  discard(id: RequestId): Promise<void>;
  /** Ends the connection of a stream; the client comes back for the rest. */
  disconnect(): void;
  /** Lets go of the connection: the server is stopping, or the client has ended. */
  abort(): void;
  /** Ends what runs here if its stream is not among those of this process's requests: another process runs it. */
  giveUp?(owned: ReadonlySet<number>): Promise<void>;
}

/** The requests that are still awaited, and the promise that they have ended. */
class PendingIds {
  readonly done: Promise<void>;
  readonly #ids: Set<RequestId>;
  readonly #finish: () => void;

  constructor(ids: readonly RequestId[]) {
    this.#ids = new Set(ids);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#finish = resolve;
  }

  /** Ends one; true when it was awaited. */
  end(id: RequestId): boolean {
    const awaited = this.#ids.delete(id);
    if (this.#ids.size === 0) this.#finish();
    return awaited;
  }

  get none(): boolean {
    return this.#ids.size === 0;
  }

  endAll(): void {
    this.#ids.clear();
    this.#finish();
  }
}

/**
 * Answers in the body of the POST's own response: as JSON, or as a passing stream once a quick call has something to say
 * on the way.
 */
export class JsonResponse implements PendingResponse {
  readonly response: Promise<Response>;
  readonly #awaited: PendingIds;
  readonly #batch: boolean;
  readonly #answers: JSONRPCMessage[] = [];
  readonly #respond: (response: Response) => void;
  readonly #onGone: () => void;
  #stream: SseStream | undefined;

  /** `batch`: the requests came as an array, so the answer is one too. `onGone`: nobody waits for the answer any more. */
  constructor(ids: readonly RequestId[], batch: boolean, onGone: () => void = () => undefined) {
    this.#awaited = new PendingIds(ids);
    this.#batch = batch;
    this.#onGone = onGone;
    const { promise, resolve } = Promise.withResolvers<Response>();
    this.response = promise;
    this.#respond = resolve;
    if (ids.length === 0) this.#respondAndEnd(); // only notifications and answers came
  }

  get done(): Promise<void> {
    return this.#awaited.done;
  }

  /** `status`: of the HTTP answer, unless a stream has begun. */
  async respond(id: RequestId, message: JSONRPCMessage, status = 200): Promise<void> {
    if (!this.#awaited.end(id)) return;
    if (this.#stream) this.#stream.send(undefined, JSON.stringify(message));
    else this.#answers.push(message);
    if (this.#awaited.none) this.#respondAndEnd(status);
  }

  async notify(message: JSONRPCMessage): Promise<void> {
    this.openStream().send(undefined, JSON.stringify(message));
  }

  /** From here on the response is a stream. */
  openStream(): SseStream {
    if (this.#stream) return this.#stream;
    const stream = new SseStream(() => this.leave());
    this.#stream = stream;
    for (const answer of this.#answers.splice(0)) stream.send(undefined, JSON.stringify(answer));
    this.#respond(sseResponse(stream));
    return stream;
  }

  /** The caller has gone. */
  leave(): void {
    if (this.#awaited.none) return;
    this.#awaited.endAll();
    this.#onGone();
  }

  async discard(id: RequestId): Promise<void> {
    if (this.#awaited.end(id) && this.#awaited.none) this.#respondAndEnd();
  }

  worksIn(): void {
    // Nothing of it is stored.
  }

  disconnect(): void {
    // A JSON answer is one body: there is nothing to come back for.
  }

  abort(): void {
    this.#stream?.close();
    const headers = { "retry-after": "1" };
    this.#respond(rpcError(503, RPC.server, "The server is stopping. Try again.", { headers }));
    this.#awaited.endAll();
  }

  #respondAndEnd(status = 200): void {
    this.#stream?.close();
    const [first] = this.#answers;
    const body = toJson(this.#batch ? this.#answers : first);
    this.#respond(
      first === undefined ? new Response(null, { status: 202 }) : jsonResponse(body, status),
    );
    this.#awaited.endAll();
  }
}

/** How long to wait before an answer is stored again, in milliseconds. */
const STORE_AGAIN_MS = [250, 1_000, 3_000] as const;

/** Notifications of one exchange that wait for their commit; whoever tells more waits with them. */
const MAX_UNSTORED = 64;

/** How far progress has been told, by progress token: it only grows, over re-runs too. */
export type ToldProgress = Map<unknown, number>;

export interface StreamResponseOptions {
  clientId: string;
  ids: readonly RequestId[];
  stream: DurableStream;
  store: StreamStore;
  maxEvents: number;
  instanceId: string;
  /** Another process runs the requests now: what runs here is to stop. */
  onTakenOver(): void;
  /** What an earlier run has told. */
  progressed?: ToldProgress | undefined;
}

/** Answers on a durable stream: stored first, then written to whoever is connected. */
export class StreamResponse implements PendingResponse {
  readonly #options: StreamResponseOptions;
  readonly #awaited: PendingIds;
  readonly #progressed: ToldProgress;
  /** That its calls have worked in, and those of them that are not stored with the stream yet. */
  readonly #sessions = new Set<string>();
  #unnoted: readonly string[] = [];
  #unstored = 0;

  constructor(options: StreamResponseOptions) {
    this.#options = options;
    this.#awaited = new PendingIds(options.ids);
    this.#progressed = options.progressed ?? new Map();
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
  }

  /** Stores the sessions with whatever `store` stores. */
  async #noting<T>(store: (sessions: readonly string[]) => Promise<T>): Promise<T> {
    const sessions = this.#unnoted;
    const result = await store(sessions);
    if (sessions.length > 0) this.#unnoted = this.#unnoted.filter((id) => !sessions.includes(id));
    return result;
  }

  async respond(id: RequestId, message: JSONRPCMessage): Promise<void> {
    const { stream } = this.#options;
    const data = JSON.stringify(message);
    try {
      const ended = await this.#storeAnswer(id, data);
      if (ended === undefined) return await this.#takenOver();
      stream.stored(ended.seq, data);
      if (ended.finished) stream.finish();
    } catch (error) {
      // Whoever waits gets it all the same; the request stays open, for the next start to end.
      stream.leaveWith(data);
      throw error;
    } finally {
      this.#awaited.end(id);
    }
  }

  /** A disk that is full, or fails for a moment, costs nobody the answer of a call that was done. */
  async #storeAnswer(id: RequestId, data: string): Promise<Ended | undefined> {
    const { store, stream, instanceId } = this.#options;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#noting((sessions) =>
          store.answer(stream.id, id, data, instanceId, sessions),
        );
      } catch (error) {
        const wait = STORE_AGAIN_MS[attempt];
        if (wait === undefined || this.#awaited.none) throw error;
        await setTimeout(wait);
      }
    }
  }

  /**
   * Another process took this one for dead: what it stores is what counts, and what runs here is to stop. Whoever is
   * connected comes back for what is still to come.
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
   * A notification is on its way when this resolves: stored and sent in its turn, before whatever comes later, but its
   * teller does not wait for the disk. Those of one turn, and the answer that follows them, share a commit.
   */
  async notify(message: JSONRPCMessage): Promise<void> {
    if (!noteProgress(message, this.#progressed)) return; // a re-run tells it again
    const stored = this.#append(JSON.stringify(message));
    if (!isNotification(message)) return stored;
    const told = stored.catch(() => undefined); // a courtesy: that it could not be stored fails nothing
    if (this.#unstored >= MAX_UNSTORED) await told;
  }

  async #append(data: string): Promise<void> {
    const { store, stream, maxEvents, instanceId } = this.#options;
    this.#unstored += 1;
    try {
      const seq = await this.#noting((sessions) =>
        store.append(stream.id, data, maxEvents, instanceId, sessions),
      );
      stream.stored(seq, data);
    } catch (error) {
      if (error instanceof AppError && error.code === "interrupted") await this.#takenOver();
      throw error;
    } finally {
      this.#unstored -= 1;
    }
  }

  async discard(id: RequestId): Promise<void> {
    const { store, stream } = this.#options;
    const ended = await store.retire(stream.id, id);
    if (ended?.finished) stream.finish();
    this.#awaited.end(id);
  }

  disconnect(): void {
    this.#options.stream.detach();
  }

  async giveUp(owned: ReadonlySet<number>): Promise<void> {
    if (!owned.has(this.#options.stream.id) && !this.#awaited.none) await this.#takenOver();
  }

  abort(): void {
    this.disconnect();
    this.#awaited.endAll();
  }
}

/** Notes how far a progress notification goes; false when as much was told before. True for any other message. */
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

// A pipe whose requests are observed: each gets an id of ours, as each HTTP request has one.
import type { JSONRPCMessage, RequestId, Transport } from "@modelcontextprotocol/server";
import { newId } from "../../lib/ids.ts";
import type { Caller } from "../../sessions/session.ts";
import type { RequestLog, RequestOutcome, LoggedRequest } from "../calls/request-log.ts";
import { interrupted } from "../calls/interruption.ts";
import { isAnswer, isNotification, isRequest } from "../../protocol/json-rpc.ts";

export class LoggingTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #wire: Transport;
  readonly #observer: RequestLog;
  readonly #caller: () => Caller;
  readonly #open = new Map<RequestId, LoggedRequest & { requestId: string }>();
  #answered = Promise.withResolvers<void>();

  /** `caller`: who is at the other end, as far as known by now. */
  constructor(wire: Transport, observer: RequestLog, caller: () => Caller) {
    this.#wire = wire;
    this.#observer = observer;
    this.#caller = caller;
    wire.onmessage = (message: JSONRPCMessage) => this.#receive(message);
    wire.onerror = (error) => this.onerror?.(error);
    wire.onclose = () => {
      for (const id of this.#open.keys()) this.#end(id, "interrupted");
      this.onclose?.();
    };
  }

  /** Our id of a request that is open. */
  requestId(id: RequestId): string | undefined {
    return this.#open.get(id)?.requestId;
  }

  start(): Promise<void> {
    return this.#wire.start();
  }

  send(message: JSONRPCMessage): Promise<void> {
    if (isAnswer(message) && message.id !== undefined) this.#end(message.id, message);
    return this.#wire.send(message);
  }

  close(): Promise<void> {
    return this.#wire.close();
  }

  /**
   * Nothing more will come: resolves when what came is answered, and answers what takes longer than `graceMs` with an
   * outcome that says so.
   */
  async finish(graceMs: number): Promise<void> {
    // It keeps the process alive: a handler may wait on nothing that does.
    const { promise: overdue, resolve } = Promise.withResolvers<true>();
    const timer = setTimeout(() => resolve(true), graceMs);
    while (this.#awaited.length > 0) {
      this.#answered = Promise.withResolvers();
      if (await Promise.race([overdue, this.#answered.promise])) break;
    }
    clearTimeout(timer);
    const overdueIds = this.#awaited;
    await Promise.all(
      overdueIds.map((id) => this.send(interrupted({ ...this.#open.get(id)!.request, id }))),
    );
  }

  /** Listening ends with the pipe: its answer is that it goes on. */
  get #awaited(): RequestId[] {
    return [...this.#open]
      .filter(([, { request }]) => request.method !== "subscriptions/listen")
      .map(([id]) => id);
  }

  #receive(message: JSONRPCMessage): void {
    if (isRequest(message)) {
      const requestId = newId();
      const caller = { ...this.#caller(), requestId };
      this.#open.set(message.id, { request: message, caller, requestId, began: performance.now() });
    } else if (isNotification(message) && message.method === "notifications/cancelled") {
      this.#end(message.params?.["requestId"] as RequestId, "cancelled");
    }
    this.onmessage?.(message);
  }

  #end(id: RequestId, ending: RequestOutcome): void {
    const observed = this.#open.get(id);
    if (observed === undefined) return;
    this.#open.delete(id);
    this.#answered.resolve();
    const caller = { ...this.#caller(), requestId: observed.requestId }; // it may have introduced itself by now
    this.#observer.ended({ ...observed, caller }, ending);
  }
}

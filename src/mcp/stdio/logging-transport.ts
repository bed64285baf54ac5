// A pipe that logs its requests: each gets an id of ours, like each HTTP request.
import type { JSONRPCMessage, RequestId, Transport } from "@modelcontextprotocol/server";
import { newId } from "../../lib/ids.ts";
import { isAnswer, isNotification, isRequest } from "../../protocol/json-rpc.ts";
import type { Caller } from "../../sessions/session.ts";
import { interrupted } from "../calls/interruption.ts";
import type { LoggedRequest, RequestLog, RequestOutcome } from "../calls/request-log.ts";
import { Waiters } from "../calls/waiters.ts";

export class LoggingTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #wire: Transport;
  readonly #requestLog: RequestLog;
  readonly #caller: () => Caller;
  readonly #open = new Map<RequestId, LoggedRequest & { requestId: string }>();
  readonly #waiters = new Waiters();

  /** `caller` returns the client at the other end, as far as it is known. */
  constructor(wire: Transport, requestLog: RequestLog, caller: () => Caller) {
    this.#wire = wire;
    this.#requestLog = requestLog;
    this.#caller = caller;
    wire.onmessage = (message: JSONRPCMessage) => this.#receive(message);
    wire.onerror = (error) => this.onerror?.(error);
    wire.onclose = () => {
      for (const id of this.#open.keys()) this.#end(id, "interrupted");
      this.onclose?.();
    };
  }

  /** Our id of an open request. */
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

  /** Waits for the open requests at the end of the input. After `graceMs`, the rest is answered as interrupted. */
  async finish(graceMs: number): Promise<void> {
    await this.#waiters.until(() => this.#awaited.length === 0, graceMs);
    const overdueIds = this.#awaited;
    await Promise.all(
      overdueIds.map((id) => this.send(interrupted({ ...this.#open.get(id)!.request, id }))),
    );
  }

  /** Open requests to wait for. subscriptions/listen ends when the pipe closes; it has no final result. */
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
    const logged = this.#open.get(id);
    if (logged === undefined) return;
    this.#open.delete(id);
    this.#waiters.tell();
    const caller = { ...this.#caller(), requestId: logged.requestId }; // a client that has sent `initialize` meanwhile is known now
    this.#requestLog.ended({ ...logged, caller }, ending);
  }
}

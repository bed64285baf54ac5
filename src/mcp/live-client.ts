// A 2025-era client in memory: the SDK's `Server` on one side, HTTP exchanges and streams on the other. It can be
// dropped and rebuilt (rehydrated) from its row at any time it is idle; nobody notices.
import {
  isJSONRPCErrorResponse,
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type RequestId,
  type Server,
  type Transport,
  type TransportSendOptions,
} from "@modelcontextprotocol/server";
import type { Caller, Client } from "../sessions/session.ts";
import { SseStream } from "../streams/sse-stream.ts";
import type { Exchange } from "./exchange.ts";
import { createServer, type ServerParts } from "./server.ts";

interface OpenCall {
  exchange: Exchange;
  caller: Caller;
}

export class LiveClient implements Transport {
  readonly sessionId: string;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #server: Server;
  readonly #calls = new Map<RequestId, OpenCall>();
  readonly #streams: SseStream[] = [];
  /** Answers that nobody outside waits for, by request id. */
  readonly #internal = new Map<RequestId, (message: JSONRPCMessage) => void>();
  #closed = false;

  private constructor(id: string, parts: ServerParts) {
    this.sessionId = id;
    this.#server = createServer(parts, ({ mcpReq }) => {
      const call = this.#calls.get(mcpReq.id);
      if (call === undefined) throw new Error(`Request ${mcpReq.id} is not open.`);
      return call.caller;
    });
  }

  /** A client that has yet to introduce itself. */
  static async connect(id: string, parts: ServerParts): Promise<LiveClient> {
    const live = new LiveClient(id, parts);
    await live.#server.connect(live);
    return live;
  }

  /** A client as it was: its introduction and its log level are played to a new server, the answers swallowed. */
  static async rehydrate(client: Client, parts: ServerParts): Promise<LiveClient> {
    const live = await LiveClient.connect(client.id, parts);
    await live.#request(client.initialize as { method: string });
    live.onmessage?.({ jsonrpc: "2.0", method: "notifications/initialized" });
    if (client.logLevel !== null) {
      await live.#request({ method: "logging/setLevel", params: { level: client.logLevel } });
    }
    return live;
  }

  /** Plays an `initialize` request; resolves to the answer and the protocol version that was agreed on. */
  async introduce(
    request: JSONRPCRequest,
  ): Promise<{ answer: JSONRPCMessage; protocolVersion: string | undefined }> {
    const { id, ...message } = request;
    const answer = await this.#request(message);
    return {
      answer: { ...answer, id } as JSONRPCMessage,
      protocolVersion: this.#server.getNegotiatedProtocolVersion(),
    };
  }

  /** Whether a request of this id is still running. */
  isOpen(id: RequestId): boolean {
    return this.#calls.has(id);
  }

  /** Hands a client's messages to the server; what the requests among them answer goes to `exchange`. */
  deliver(messages: readonly JSONRPCMessage[], exchange: Exchange, caller: Caller): void {
    for (const message of messages) {
      if (isJSONRPCRequest(message)) this.#calls.set(message.id, { exchange, caller });
      this.onmessage?.(message);
      if (isCancellation(message)) this.#retire(message.params.requestId);
    }
  }

  /** A standalone stream for what belongs to no request. */
  openStream(onClose: () => void): SseStream {
    const stream = new SseStream(() => {
      this.#streams.splice(this.#streams.indexOf(stream), 1);
      onClose();
    });
    this.#streams.push(stream);
    return stream;
  }

  // --- The SDK's side ---

  async start(): Promise<void> {
    // Nothing to open: messages come through deliver().
  }

  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if (isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message)) {
      const { id } = message;
      if (id === undefined) return;
      const waiting = this.#internal.get(id);
      if (waiting) return waiting(message);
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      call?.exchange.answer(id, message);
      return;
    }
    const related =
      options?.relatedRequestId === undefined
        ? undefined
        : this.#calls.get(options.relatedRequestId);
    if (related) related.exchange.tell(message);
    else this.#streams.at(-1)?.send(message);
  }

  /** Ends calls and streams and forgets the client; its row stays. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const { exchange } of new Set(this.#calls.values())) exchange.abort();
    this.#calls.clear();
    for (const stream of [...this.#streams]) stream.close();
    this.onclose?.();
  }

  #retire(id: RequestId): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    call?.exchange.retire(id);
  }

  /** A request of our own to the server, under an id that no client can send. */
  async #request(message: { method: string; params?: unknown }): Promise<JSONRPCMessage> {
    const id = `holdfast:${crypto.randomUUID()}`;
    const { promise, resolve } = Promise.withResolvers<JSONRPCMessage>();
    this.#internal.set(id, resolve);
    this.onmessage?.({ ...message, jsonrpc: "2.0", id } as JSONRPCRequest);
    const answer = await promise;
    this.#internal.delete(id);
    return answer;
  }
}

interface Cancellation {
  params: { requestId: RequestId };
}

const isCancellation = (message: JSONRPCMessage): message is JSONRPCMessage & Cancellation =>
  isJSONRPCNotification(message) &&
  message.method === "notifications/cancelled" &&
  message.params?.["requestId"] !== undefined;

// A 2025-era client in memory: the SDK's `Server` on one side, HTTP responses and streams on the other. While idle, it
// can be dropped and rebuilt (rehydrated) from its row without the client noticing.
import type {
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  MessageExtraInfo,
  RequestId,
  ServerContext,
  Transport,
  TransportSendOptions,
} from "@modelcontextprotocol/server";
import { MAX_RELAYED, type RelayedMessage } from "../../clients/relay.ts";
import { OpenStreams } from "../../events/open-streams.ts";
import { SseStream } from "../../events/sse-stream.ts";
import type { StreamRecord, StreamStore } from "../../events/store.ts";
import { ShortLivedMap } from "../../lib/collections/short-lived.ts";
import { isAnswer, isNotification, isRequest, primes } from "../../protocol/json-rpc.ts";
import type { Caller, Client } from "../../sessions/session.ts";
import type { ToolRegistry } from "../../tools/registry.ts";
import { interrupted } from "../calls/interruption.ts";
import type { PendingResponse } from "../calls/pending-response.ts";
import {
  isPlainCall,
  type PlainCall,
  runPlainCall,
  type CallInProgress,
  takeOutcome,
} from "../calls/plain-calls.ts";
import type { LoggedRequest, RequestLog, RequestOutcome } from "../calls/request-log.ts";
import { createServer, type McpServerOptions, type PlainServer } from "../server.ts";
import { ServerRequestIds } from "./server-request-ids.ts";
import { StandaloneStreams } from "./standalone-streams.ts";

interface OpenCall extends LoggedRequest, CallInProgress {
  response: PendingResponse;
  request: JSONRPCRequest;
  /** True once the request log has recorded the call. */
  logged: boolean;
}

/** Requests that are being stored, before they run. */
export interface Opening extends Disposable {
  ids: readonly RequestId[];
  /** The cancellations that have come; further ones find the requests running. */
  take(): readonly Cancellation[];
}

export interface LiveClientOptions extends McpServerOptions {
  streams: StreamStore;
  /** Maximum number of stored events per stream. */
  maxEvents: number;
}

export class LiveClient implements Transport {
  readonly sessionId: string;
  readonly standalone: StandaloneStreams;
  readonly streams: OpenStreams;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage, extra?: MessageExtraInfo) => void;
  readonly #server: PlainServer;
  readonly #epoch: ServerRequestIds;
  readonly #requestLog: RequestLog;
  readonly #registry: ToolRegistry;
  /** Calls by the id that the SDK knows. */
  readonly #calls = new ShortLivedMap<RequestId, OpenCall>();
  readonly #opening = new Set<Opening & { cancellations: Cancellation[] }>();
  /** Handlers for the answers to our own requests, by request id. */
  readonly #internal = new Map<RequestId, (message: JSONRPCMessage) => void>();
  /** Ids of relayed messages that were delivered. */
  readonly #relayed = new Set<string>();
  #bytes = 0;
  #closed = false;

  private constructor(id: string, epoch: number, parts: LiveClientOptions) {
    this.sessionId = id;
    this.#epoch = new ServerRequestIds(epoch);
    this.#requestLog = parts.requestLog;
    this.#registry = parts.registry;
    this.streams = new OpenStreams(id, parts.streams);
    const { streams: store, subscriptions, maxEvents } = parts;
    this.standalone = new StandaloneStreams({ clientId: id, store, subscriptions, maxEvents });
    const callOf = ({ mcpReq: { id } }: ServerContext): OpenCall => {
      const call = this.#calls.get(id);
      if (call === undefined) throw new Error(`Request ${id} is not open.`);
      return call;
    };
    this.#server = createServer(parts, (context) => callOf(context).caller, {
      outcomeOf: (context) => takeOutcome(callOf(context)),
    });
  }

  /** Size of the client's `initialize` request, as JSON. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A client that has not sent `initialize` yet. */
  static async connect(id: string, parts: LiveClientOptions, epoch = 0): Promise<LiveClient> {
    const live = new LiveClient(id, epoch, parts);
    await live.#server.connect(live);
    return live;
  }

  /** A rebuilt client: its stored `initialize` and log level go to a new server, and the answers are dropped. */
  static async rehydrate(
    client: Client,
    epoch: number,
    parts: LiveClientOptions,
  ): Promise<LiveClient> {
    const live = await LiveClient.connect(client.id, parts, epoch);
    live.#bytes = JSON.stringify(client.initialize).length;
    await live.#request(client.initialize as { method: string });
    live.onmessage?.({ jsonrpc: "2.0", method: "notifications/initialized" });
    if (client.logLevel !== null) {
      await live.#request({ method: "logging/setLevel", params: { level: client.logLevel } });
    }
    return live;
  }

  /** Delivers an `initialize` request; resolves to the answer and the negotiated protocol version. */
  async introduce(
    request: JSONRPCRequest,
  ): Promise<{ answer: JSONRPCMessage; protocolVersion: string | undefined }> {
    const { id, ...message } = request;
    this.#bytes = JSON.stringify(message).length;
    const answer = await this.#request(message);
    return {
      answer: { ...answer, id } as JSONRPCMessage,
      protocolVersion: this.#server.getNegotiatedProtocolVersion(),
    };
  }

  /**
   * Delivers a client's messages to the server; the answers go to `response`. Programs that share an `Mcp-Session-Id`
   * may use the same request id at the same time, so the SDK gets another id for the later request. Returns messages about
   * calls and questions that are not known here.
   */
  deliver(
    messages: readonly JSONRPCMessage[],
    response: PendingResponse,
    caller: Caller,
  ): JSONRPCMessage[] {
    const foreign: JSONRPCMessage[] = [];
    // Only a client with an event id can reconnect to a stream that ends early.
    const extra =
      caller.client && primes(caller.client) ? { closeSSEStream: () => response.disconnect() } : {};
    const began = performance.now();
    const told = { ...caller, onSession: (id: string) => response.worksIn(id) };
    for (const message of messages) {
      if (isRequest(message) && this.#closed) {
        // The client has ended since its caller took it: the SDK behind it would never answer.
        response
          .respond(message.id, interrupted(message))
          .catch((error: unknown) => this.onerror?.(error as Error));
      } else if (isRequest(message)) {
        const id = this.#calls.has(message.id) ? ownId() : message.id;
        const call: OpenCall = { response, caller: told, request: message, began, logged: false };
        this.#calls.set(id, call);
        const request = id === message.id ? message : { ...message, id };
        // The SDK begins a call behind the other messages of its batch, where a cancellation of it may be.
        if (messages.length === 1 && isPlainCall(request, "legacy"))
          this.#call(request, call, extra).catch((error: unknown) =>
            this.onerror?.(error as Error),
          );
        else this.onmessage?.(request, extra);
      } else if (!this.#take(message, extra)) foreign.push(message);
    }
    return foreign;
  }

  /** Announces requests that `deliver` gets later, with their cancellations behind them. */
  opening(requests: readonly JSONRPCRequest[]): Opening {
    const cancellations: Cancellation[] = [];
    const take = (): readonly Cancellation[] => {
      this.#opening.delete(opening);
      return cancellations.splice(0);
    };
    const opening = {
      ids: requests.map(({ id }) => id),
      cancellations,
      take,
      [Symbol.dispose]: () => take().forEach((message) => this.#cancel(message)),
    };
    this.#opening.add(opening);
    return opening;
  }

  /** Runs a call, and answers it if its result is plain; the SDK answers any other. */
  async #call(request: PlainCall, call: OpenCall, extra: MessageExtraInfo): Promise<void> {
    const answer = await runPlainCall(request, call, {
      ...{ server: this.#server, registry: this.#registry, sessionId: this.sessionId },
      ...{ era: "legacy", extra },
      notify: async (notification) => {
        const { id } = request;
        // Behind its end, a call with the same id may run.
        if (this.#calls.get(id) === call)
          await this.send({ ...notification, jsonrpc: "2.0" }, { relatedRequestId: id });
      },
    });
    if (call.abort?.signal.aborted) return;
    if (answer) await this.#answer(answer);
    else this.onmessage?.(request, extra);
  }

  /** Delivers a message that arrived at another process. */
  receive({ id, data }: RelayedMessage): void {
    if (this.#relayed.has(id)) return;
    if (this.#relayed.size > 2 * MAX_RELAYED) this.#relayed.clear();
    this.#relayed.add(id);
    const message = JSON.parse(data) as JSONRPCMessage;
    if (isRequest(message)) void this.#request(message);
    else this.#take(message);
  }

  /** False for a message about a call or question that is not known here. */
  #take(message: JSONRPCMessage, extra?: MessageExtraInfo): boolean {
    if (isCancellation(message)) return this.#cancel(message);
    const known = this.#epoch.inbound(message);
    if (known !== undefined) this.onmessage?.(known, extra);
    return known !== undefined;
  }

  /**
   * Connects to a new or known stream, behind event `sent`; `notice` is sent before the replay. The connection takes
   * over `held`.
   */
  async connectStream(
    record: StreamRecord,
    sent: number,
    prime: boolean,
    held: DisposableStack,
    notice?: string,
  ): Promise<SseStream> {
    const { stream, release } = this.streams.use(record);
    const owned = held.move();
    const sse = new SseStream(() => {
      this.standalone.remove(sse);
      owned.dispose();
    });
    try {
      void stream.attach(sse, sent, prime).then(release);
      if (notice !== undefined) sse.send(stream.eventId(sent), notice);
      if (record.kind === "standalone") await this.standalone.add(stream, sse);
      return sse;
    } catch (error) {
      sse.close(); // no reader is left, so the stream must take no message
      sse.settle(false);
      throw error;
    }
  }

  // --- The SDK's side ---

  async start(): Promise<void> {
    // Nothing to open: messages come through deliver().
  }

  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if (isAnswer(message)) return this.#answer(message);
    const outbound = this.#epoch.outbound(message);
    const related = options?.relatedRequestId;
    if (related !== undefined) {
      // A request's message after its end has no receiver.
      await this.#calls.get(related)?.response.notify(outbound);
      return;
    }
    await this.standalone.send(JSON.stringify(outbound));
  }

  /** Answers the chosen running calls as interrupted; later messages of their handlers are dropped. */
  async interrupt(choose: (request: JSONRPCRequest) => boolean): Promise<void> {
    const chosen = [...this.#calls.values()].filter(({ request }) => choose(request));
    for (const call of chosen) this.#ended(call, "interrupted");
    await Promise.all(
      chosen.map(({ response, request }) => response.respond(request.id, interrupted(request))),
    );
  }

  /** Aborts the handlers of these calls and forgets them: another process runs them now. */
  abandon(response: PendingResponse): void {
    for (const [id, call] of this.#calls) {
      if (call.response !== response) continue;
      this.#calls.delete(id);
      this.#ended(call, "interrupted");
      this.#stop(id, call);
    }
  }

  /** Drops calls and connections and forgets the client; its rows stay. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) {
      this.#ended(call, "interrupted");
      call.abort?.abort(new Error("The connection was closed."));
    }
    const responses = new Set(calls.map(({ response }) => response));
    for (const response of responses) response.abort();
    this.streams.detachAll();
    this.onclose?.();
  }

  async #answer(message: JSONRPCMessage & { id?: RequestId }): Promise<void> {
    const { id } = message;
    if (id === undefined) return;
    const waiting = this.#internal.get(id);
    if (waiting) return waiting(message);
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (call === undefined) return;
    this.#ended(call, message);
    const { response, request } = call;
    await response.respond(
      request.id,
      id === request.id ? message : { ...message, id: request.id },
    );
  }

  /** Aborts the handler of a call. */
  #stop(id: RequestId, { abort }: OpenCall, params?: Cancellation["params"]): void {
    abort?.abort(params?.reason);
    this.onmessage?.({ ...CANCELLATION, params: { ...params, requestId: id } });
  }

  #ended(call: OpenCall, ending: RequestOutcome): void {
    if (call.logged) return;
    call.logged = true;
    this.#requestLog.ended(call, ending);
  }

  /**
   * Cancels a call. If several calls share the id, all go on: the meant one is unknown, and its caller ignores the
   * answer.
   */
  #cancel(message: Cancellation): boolean {
    const { requestId } = message.params;
    const meant = [...this.#calls].filter(([, { request }]) => request.id === requestId);
    const opening = [...this.#opening].filter(({ ids }) => ids.includes(requestId));
    const count = meant.length + opening.length;
    if (count !== 1) return count > 0;
    if (opening[0]) return opening[0].cancellations.push(message) > 0;
    const [[id, call]] = meant as [[RequestId, OpenCall]];
    this.#stop(id, call, message.params);
    this.#calls.delete(id);
    this.#ended(call, "cancelled");
    call.response.discard(requestId).catch((error: unknown) => this.onerror?.(error as Error));
    return true;
  }

  /** Sends a request of our own to the server, under an id that no client can send. */
  async #request(message: { method: string; params?: unknown }): Promise<JSONRPCMessage> {
    const id = ownId();
    const { promise, resolve } = Promise.withResolvers<JSONRPCMessage>();
    this.#internal.set(id, resolve);
    this.onmessage?.({ ...message, jsonrpc: "2.0", id } as JSONRPCRequest);
    const answer = await promise;
    this.#internal.delete(id);
    return answer;
  }
}

const ownId = (): string => `holdfast:${crypto.randomUUID()}`;

const CANCELLATION = { jsonrpc: "2.0", method: "notifications/cancelled" } as const;

type Cancellation = JSONRPCNotification & { params: { requestId: RequestId; reason?: string } };

const isCancellation = (message: JSONRPCMessage): message is Cancellation =>
  isNotification(message) &&
  message.method === "notifications/cancelled" &&
  message.params?.["requestId"] !== undefined;

// One SDK `Server` for all independent HTTP calls of an era: the calls of 2026-07-28, each with its version, identity
// and capabilities, or legacy calls without a session. The server is prepared once and stores nothing between calls.
// Inside it, requests have ids of ours, because callers choose theirs independently of each other.
import {
  type JSONRPCMessage,
  type JSONRPCRequest,
  PerRequestHTTPServerTransport,
  type RequestId,
  type ServerContext,
  SUPPORTED_PROTOCOL_VERSIONS,
  type TransportSendOptions,
} from "@modelcontextprotocol/server";
import { CALLER_GONE } from "../../idempotency/idempotent-calls.ts";
import { ShortLivedMap } from "../../lib/collections/short-lived.ts";
import { isAnswer, RPC } from "../../protocol/json-rpc.ts";
import type { Caller } from "../../sessions/session.ts";
import type { ToolRegistry } from "../../tools/registry.ts";
import { MODERN_VERSION } from "../initialize.ts";
import { createServer, type McpServerOptions, type PlainServer } from "../server.ts";
import { interrupted } from "./interruption.ts";
import type { JsonResponse } from "./pending-response.ts";
import {
  isPlainCall,
  type PlainCall,
  runPlainCall,
  type CallInProgress,
  takeOutcome,
} from "./plain-calls.ts";
import type { LoggedRequest, RequestLog } from "./request-log.ts";

const CLASSIFICATIONS = {
  modern: { era: "modern", revision: MODERN_VERSION },
  legacy: { era: "legacy" },
} as const;

type Era = keyof typeof CLASSIFICATIONS;

/** The HTTP status that 2026-07-28 requires for an error that no handler returned, by error code. */
const HTTP_STATUS: Readonly<Record<number, number>> = {
  [RPC.parseError]: 400,
  [RPC.invalidRequest]: 400,
  [RPC.methodNotFound]: 404,
  [RPC.unsupportedVersion]: 400,
};

interface Call extends LoggedRequest, CallInProgress {
  id: RequestId;
  response: JsonResponse;
}

/**
 * Carries all calls of an era. It extends the SDK's transport for one reason: `Server.connect` speaks 2026-07-28 only
 * on an `instanceof` of that class (`perRequestClassificationOf`, which is private). Nothing else of the base is used.
 * test/modern/sdk.test.ts fails when the SDK's rule changes.
 */
class SharedTransport extends PerRequestHTTPServerTransport {
  readonly #calls = new ShortLivedMap<RequestId, Call>();
  #lastId = 0;
  #delivering = false;
  readonly #requestLog: RequestLog;
  readonly #registry: ToolRegistry;
  readonly #extra: { classification: (typeof CLASSIFICATIONS)[Era] };

  constructor({ requestLog, registry }: McpServerOptions, era: Era) {
    const extra = { classification: CLASSIFICATIONS[era] };
    super(extra);
    this.#extra = extra;
    this.#requestLog = requestLog;
    this.#registry = registry;
  }

  callOf(id: RequestId): Call {
    const call = this.#calls.get(id);
    if (call === undefined) throw new Error(`Request ${id} is not open.`);
    return call;
  }

  /** Delivers a request to the server; returns its cancel function. */
  deliver(
    request: JSONRPCRequest,
    caller: Caller,
    response: JsonResponse,
    server: PlainServer,
  ): () => void {
    const id = ++this.#lastId;
    const call: Call = {
      ...{ id: request.id, request, response, began: performance.now() },
      caller: { ...caller, rpcId: request.id },
    };
    this.#calls.set(id, call);
    const message = { ...request, id };
    if (isPlainCall(message, this.#extra.classification.era))
      this.#call(message, call, server).catch((error: unknown) => this.onerror?.(error as Error));
    else {
      this.#delivering = true;
      try {
        this.onmessage?.(message, this.#extra);
      } finally {
        this.#delivering = false;
      }
    }
    return () => this.#cancel(id);
  }

  /** Runs a call, and answers it if its result is plain; the SDK answers any other. */
  async #call(request: PlainCall, call: Call, server: PlainServer): Promise<void> {
    const answer = await runPlainCall(request, call, {
      ...{ server, registry: this.#registry, extra: this.#extra },
      era: this.#extra.classification.era,
      notify: (notification) =>
        this.send({ ...notification, jsonrpc: "2.0" }, { relatedRequestId: request.id }),
    });
    if (call.abort?.signal.aborted) return;
    if (answer) await this.send(answer);
    else this.onmessage?.(request, this.#extra);
  }

  async interruptAll(): Promise<void> {
    const calls = [...this.#calls.values()];
    this.#calls.clear(); // drops later messages of their handlers
    for (const call of calls) this.#requestLog.ended(call, "interrupted");
    await Promise.all(
      calls.map(({ id, response, request }) =>
        response.respond(id, interrupted({ ...request, id })),
      ),
    );
  }

  override async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    const id = isAnswer(message) ? message.id : options?.relatedRequestId;
    const call = id === undefined ? undefined : this.#calls.get(id);
    if (id === undefined || call === undefined) return; // the caller has disconnected
    if (!isAnswer(message)) return call.response.notify(message);
    this.#calls.delete(id);
    this.#requestLog.ended(call, message);
    const code = "error" in message ? message.error.code : undefined;
    await call.response.respond(call.id, { ...message, id: call.id }, this.#statusOf(code));
  }

  /**
   * The HTTP status of an answer: 200 for a handler's own error, the status of `HTTP_STATUS` for an earlier refusal.
   */
  #statusOf(code: number | undefined): number {
    if (this.#extra.classification.era === "legacy") return 200;
    if (code === RPC.missingCapability) return 400;
    return (this.#delivering && code !== undefined && HTTP_STATUS[code]) || 200;
  }

  #cancel(id: RequestId): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#calls.delete(id);
    this.#requestLog.ended(call, "cancelled");
    call.abort?.abort(CALLER_GONE);
    const params = { requestId: id, reason: CALLER_GONE };
    this.onmessage?.({ jsonrpc: "2.0", method: "notifications/cancelled", params }, this.#extra);
  }
}

export class SharedServer {
  readonly #transport: SharedTransport;
  readonly #server: PlainServer;
  readonly #ready: Promise<void>;

  constructor(parts: McpServerOptions, era: Era) {
    this.#transport = new SharedTransport(parts, era);
    const callOf = ({ mcpReq }: ServerContext): Call => this.#transport.callOf(mcpReq.id);
    this.#server = createServer(parts, (context) => callOf(context).caller, {
      era,
      outcomeOf: (context) => takeOutcome(callOf(context)),
      supportedProtocolVersions: [
        ...(era === "modern" ? [MODERN_VERSION] : []),
        ...SUPPORTED_PROTOCOL_VERSIONS,
      ],
    });
    this.#ready = this.#server.connect(this.#transport);
  }

  /** Runs requests; answers and notifications go to `response`. Resolves to the cancel functions. */
  async run(
    requests: readonly JSONRPCRequest[],
    caller: Caller,
    response: JsonResponse,
  ): Promise<(() => void)[]> {
    await this.#ready;
    return requests.map((request) =>
      this.#transport.deliver(request, caller, response, this.#server),
    );
  }

  /** Answers the running calls as interrupted. */
  close(): Promise<void> {
    return this.#transport.interruptAll();
  }
}

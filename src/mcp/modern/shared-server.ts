// One SDK `Server` for all calls over HTTP that stand by themselves: one for those of 2026-07-28, each of which brings its
// version, identity and capabilities; one for earlier calls without a session. It is prepared once and keeps nothing
// between calls. Requests get an id of ours while they are in it, for callers choose theirs without knowing of each other.
import {
  PerRequestHTTPServerTransport,
  SUPPORTED_PROTOCOL_VERSIONS,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type RequestId,
  type TransportSendOptions,
} from "@modelcontextprotocol/server";
import { CALLER_GONE } from "../../idempotency/idempotent-calls.ts";
import type { Caller } from "../../sessions/session.ts";
import type { RequestLog, LoggedRequest } from "../calls/request-log.ts";
import type { JsonResponse } from "../calls/pending-response.ts";
import { MODERN_VERSION } from "../initialize.ts";
import { interrupted } from "../calls/interruption.ts";
import { isAnswer, RPC } from "../../protocol/json-rpc.ts";
import { createServer, type McpServerOptions } from "../server.ts";

const CLASSIFICATIONS = {
  modern: { era: "modern", revision: MODERN_VERSION },
  legacy: { era: "legacy" },
} as const;

type Era = keyof typeof CLASSIFICATIONS;

/** The status that 2026-07-28 demands of an answer that no handler gave, by error code. */
const HTTP_STATUS: Readonly<Record<number, number>> = {
  [RPC.parseError]: 400,
  [RPC.invalidRequest]: 400,
  [RPC.methodNotFound]: 404,
  [RPC.unsupportedVersion]: 400,
};

interface Call extends LoggedRequest {
  id: RequestId;
  exchange: JsonResponse;
}

/**
 * The SDK lets a server speak 2026-07-28 when it is connected to this transport of one exchange, by whose class it tells
 * (its `perRequestClassificationOf`); ours carries all exchanges, and nothing else of the original is used.
 */
class SharedTransport extends PerRequestHTTPServerTransport {
  readonly #calls = new Map<RequestId, Call>();
  #lastId = 0;
  #delivering = false;
  readonly #observer: RequestLog;
  readonly #extra: { classification: (typeof CLASSIFICATIONS)[Era] };

  constructor(observer: RequestLog, era: Era) {
    const extra = { classification: CLASSIFICATIONS[era] };
    super(extra);
    this.#extra = extra;
    this.#observer = observer;
  }

  callerOf(id: RequestId): Caller {
    const call = this.#calls.get(id);
    if (call === undefined) throw new Error(`Request ${id} is not open.`);
    return call.caller;
  }

  /** Hands a request to the server; returns how to cancel it. */
  deliver(request: JSONRPCRequest, caller: Caller, exchange: JsonResponse): () => void {
    const id = ++this.#lastId;
    this.#calls.set(id, {
      ...{ id: request.id, request, exchange, began: performance.now() },
      caller: { ...caller, rpcId: request.id },
    });
    this.#delivering = true;
    try {
      this.onmessage?.({ ...request, id }, this.#extra);
    } finally {
      this.#delivering = false;
    }
    return () => this.#cancel(id);
  }

  async interruptAll(): Promise<void> {
    const calls = [...this.#calls.values()];
    this.#calls.clear(); // what their handlers say from here on has nobody to go to
    for (const call of calls) this.#observer.ended(call, "interrupted");
    await Promise.all(
      calls.map(({ id, exchange, request }) =>
        exchange.respond(id, interrupted({ ...request, id })),
      ),
    );
  }

  override async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    const id = isAnswer(message) ? message.id : options?.relatedRequestId;
    const call = id === undefined ? undefined : this.#calls.get(id);
    if (id === undefined || call === undefined) return; // its caller has gone
    if (!isAnswer(message)) return call.exchange.notify(message);
    this.#calls.delete(id);
    this.#observer.ended(call, message);
    const code = "error" in message ? message.error.code : undefined;
    await call.exchange.respond(call.id, { ...message, id: call.id }, this.#statusOf(code));
  }

  /** What a handler says is the payload of a 200; what the server refuses before that is the caller's mistake. */
  #statusOf(code: number | undefined): number {
    if (this.#extra.classification.era === "legacy") return 200;
    if (code === RPC.missingCapability) return 400;
    return (this.#delivering && code !== undefined && HTTP_STATUS[code]) || 200;
  }

  #cancel(id: RequestId): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#calls.delete(id);
    this.#observer.ended(call, "cancelled");
    const params = { requestId: id, reason: CALLER_GONE };
    this.onmessage?.({ jsonrpc: "2.0", method: "notifications/cancelled", params }, this.#extra);
  }
}

export class SharedServer {
  readonly #transport: SharedTransport;
  readonly #ready: Promise<void>;

  constructor(parts: McpServerOptions, era: Era) {
    this.#transport = new SharedTransport(parts.observer, era);
    const server = createServer(parts, ({ mcpReq }) => this.#transport.callerOf(mcpReq.id), {
      supportedProtocolVersions: [
        ...(era === "modern" ? [MODERN_VERSION] : []),
        ...SUPPORTED_PROTOCOL_VERSIONS,
      ],
    });
    this.#ready = server.connect(this.#transport);
  }

  /** Runs requests; their answers and what they say on the way go to `exchange`. Resolves to how to cancel each. */
  async run(
    requests: readonly JSONRPCRequest[],
    caller: Caller,
    exchange: JsonResponse,
  ): Promise<(() => void)[]> {
    await this.#ready;
    return requests.map((request) => this.#transport.deliver(request, caller, exchange));
  }

  /** Tells the callers of what still runs that it was interrupted. */
  close(): Promise<void> {
    return this.#transport.interruptAll();
  }
}

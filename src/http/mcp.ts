// POST, GET and DELETE of /mcp: hands a request to the endpoint of its era, and returns the answer.
import type {
  InboundLadderRejection,
  InboundLegacyRoute,
  InboundModernRoute,
  JSONRPCMessage,
} from "@modelcontextprotocol/server";
import type { Context } from "hono";
import { may } from "../auth/principal.ts";
import type { RequestErrorCode } from "../lib/errors.ts";
import { toJson } from "../lib/json/json.ts";
import type { HttpAnswer, StreamAnswer } from "../mcp/calls/http-answer.ts";
import type { PendingResponses } from "../mcp/calls/in-flight.ts";
import { jsonAtEnd } from "../mcp/calls/json-at-end.ts";
import type { LegacyEndpoint } from "../mcp/legacy/endpoint.ts";
import { dropNulls } from "../mcp/messages/absent.ts";
import { type BatchParts, splitBatch } from "../mcp/messages/batch.ts";
import { classify, type MessageHeaders } from "../mcp/messages/classify.ts";
import { messageFault } from "../mcp/messages/faults.ts";
import { checkContent, readMessages } from "../mcp/messages/inbound.ts";
import type { Incoming } from "../mcp/messages/incoming.ts";
import type { ModernEndpoint } from "../mcp/modern/endpoint.ts";
import { neededScope } from "../mcp/scopes.ts";
import { RequestError, stopping } from "../protocol/errors.ts";
import { RPC } from "../protocol/json-rpc.ts";
import type { Refuse } from "../telemetry/metrics.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import { insufficientScope } from "./access/challenge.ts";
import type { ProtectedResource } from "./access/protected-resource.ts";
import type { StreamCredentials } from "./access/stream-credentials.ts";
import { arrivedBody, readBody } from "./body.ts";
import { type Authenticated, sent } from "./guards/guard.ts";
import { CLOSING, takesStream } from "./guards/guards.ts";
import { readAddress } from "./guards/target.ts";
import { countAnswer, type InFlight, pagesOf, roomFor } from "./limits/in-flight.ts";
import { type CallRate, limitBatch } from "./limits/limits.ts";
import { whenWritten, writeTogether } from "./listen.ts";

export interface McpHandlerOptions {
  legacy: LegacyEndpoint;
  modern: ModernEndpoint;
  registry: ToolRegistry;
  /** Present with an issuer of access tokens. */
  resource: ProtectedResource | undefined;
  streamCredentials: StreamCredentials;
  /** False while the server is stopping. */
  accepting(): boolean;
  pending: PendingResponses;
  rate: CallRate;
  inFlight: InFlight;
  maxBodyBytes: number;
  /** The deepest nesting of JSON. */
  maxDepth: number;
  refuse: Refuse;
}

export class McpHandlers {
  readonly #options: McpHandlerOptions;

  constructor(options: McpHandlerOptions) {
    this.#options = options;
  }

  async post(c: Context<Authenticated>): Promise<Response> {
    const { maxBodyBytes, accepting, pending } = this.#options;
    const { incoming, outgoing } = c.env;
    const bytes = arrivedBody(incoming, maxBodyBytes) ?? (await readBody(c.req.raw, maxBodyBytes));
    if (!accepting()) throw stopping(CLOSING); // a stop does not wait for bodies
    const place = pending.enter(outgoing);
    try {
      return toResponse(await this.#answer(c, bytes));
    } finally {
      pending.leave(place);
    }
  }

  async get(c: Context<Authenticated>): Promise<Response> {
    return toResponse(await this.#watched(c, await this.#options.legacy.get(incoming(c))));
  }

  async delete(c: Context<Authenticated>): Promise<Response> {
    return toResponse(await this.#options.legacy.delete(incoming(c)));
  }

  async #answer(c: Context<Authenticated>, bytes: ArrayBuffer | Buffer): Promise<HttpAnswer> {
    const { registry, resource, rate, inFlight, maxDepth, refuse } = this.#options;
    const body = readMessages(bytes, maxDepth);
    dropNulls(body);
    if (Array.isArray(body) && body.length > 1)
      limitBatch(rate, c.get("principal").id, body.length);
    const { messages: delivered, refused } = partsOf(body);
    const route = classify(messageHeaders(c), delivered);
    if (route.kind === "reject") throw refusal(route, delivered);
    const message = delivered as JSONRPCMessage | JSONRPCMessage[];
    const batch = Array.isArray(message);
    const messages = batch ? message : [message];
    const scope = neededScope(messages, registry);
    if (!may(c.get("principal"), scope)) {
      refuse("scope");
      throw insufficientScope(c, scope, resource);
    }
    checkContent(messages, { batch });
    const pages = pagesOf(messages, registry);
    using _ = pages === 0 ? undefined : await roomFor(inFlight, c, pages);
    const asked = beside(refused, await this.#ask(c, route, message));
    const answer = "stream" in asked ? await this.#watched(c, asked, batch) : asked;
    countAnswer(inFlight, c, answer);
    return answer;
  }

  #ask(
    c: Context<Authenticated>,
    route: InboundLegacyRoute | InboundModernRoute,
    message: JSONRPCMessage | JSONRPCMessage[],
  ): Promise<HttpAnswer> {
    const { legacy, modern } = this.#options;
    return route.kind === "modern"
      ? modern.post(incoming(c), route, c.req.raw)
      : legacy.post(incoming(c), message);
  }

  /** Prepare an answer that is a stream: its end, its credentials, and its form for clients that take no stream. */
  #watched(
    c: Context<Authenticated>,
    answer: StreamAnswer,
    batch = false,
  ): HttpAnswer | Promise<HttpAnswer> {
    const { stream } = answer;
    this.#options.streamCredentials.watch(stream, c.get("admission"));
    // A stop ends such a stream, and behind it nothing can be asked of this process.
    if (c.req.method === "GET") c.env.outgoing.shouldKeepAlive = false;
    writeTogether(c.env.outgoing);
    whenWritten(c.env.outgoing, (written) => stream.settle(written));
    if (c.req.method === "POST" && !takesStream(c))
      return jsonAtEnd(stream, { batch, signal: c.req.raw.signal });
    return answer;
  }
}

/** A message that is no batch is delivered as it is. */
const partsOf = (body: unknown): { messages: unknown; refused: BatchParts["refused"] } =>
  Array.isArray(body) ? splitBatch(body) : { messages: body, refused: [] };

/** The answer to a batch with the answers to its entries that were refused. */
function beside(refused: BatchParts["refused"], answer: HttpAnswer): HttpAnswer {
  if (refused.length === 0) return answer;
  if ("stream" in answer) {
    for (const one of refused) answer.stream.send(undefined, JSON.stringify(one));
    return answer;
  }
  const others = answer.body === null ? [] : (JSON.parse(answer.body) as unknown[]);
  return { ...answer, status: 200, body: toJson([...refused, ...others]) };
}

const STREAM_HEADERS = Object.freeze({
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no", // stops nginx from buffering events
});

function toResponse(answer: HttpAnswer): Response {
  if ("stream" in answer) return new Response(answer.stream.body, { headers: STREAM_HEADERS });
  const { status, body, headers } = answer;
  if (body === null) return new Response(null, { status });
  return new Response(body, {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}

const messageHeaders = (c: Context<Authenticated>): MessageHeaders => ({
  session: sent(c, "mcp-session-id"),
  protocolVersion: sent(c, "mcp-protocol-version"),
  method: sent(c, "mcp-method"),
  name: sent(c, "mcp-name"),
});

const incoming = (c: Context<Authenticated>): Incoming => ({
  principal: c.get("principal"),
  requestId: c.get("requestId"),
  headers: c.req.raw.headers,
  ...readAddress(c.req.url),
  takesStream: takesStream(c),
  clientId: sent(c, "mcp-session-id"),
  protocolVersion: sent(c, "mcp-protocol-version"),
  lastEventId: sent(c, "last-event-id"),
});

/** The refusal of a message of no known era, or with a wrong envelope or wrong headers: all are HTTP 400. */
function refusal(
  { cell, code, message, data }: InboundLadderRejection,
  request: unknown,
): RequestError {
  const reason = cell === "invalid-json-rpc-body" ? messageFault(request) : message;
  return new RequestError(REFUSALS[code] ?? "invalid_request", reason, { request, data });
}

/** The SDK's classifier names the kind by its JSON-RPC code. */
const REFUSALS: Readonly<Record<number, RequestErrorCode>> = {
  [RPC.invalidParams]: "invalid_envelope",
  [RPC.headerMismatch]: "header_mismatch",
  [RPC.unsupportedVersion]: "unsupported_version",
};

// POST, GET and DELETE of /mcp: hands a request to the endpoint of its era, and returns the answer.
import type { InboundLadderRejection, JSONRPCMessage } from "@modelcontextprotocol/server";
import type { Context } from "hono";
import { may } from "../auth/principal.ts";
import { streamOf } from "../events/sse-stream.ts";
import { parseJson } from "../lib/json/json.ts";
import type { PendingResponses } from "../mcp/calls/in-flight.ts";
import { jsonAtEnd } from "../mcp/calls/json-at-end.ts";
import type { LegacyEndpoint } from "../mcp/legacy/endpoint.ts";
import { dropNulls } from "../mcp/messages/absent.ts";
import { classify } from "../mcp/messages/classify.ts";
import { messageFault } from "../mcp/messages/faults.ts";
import { contentFault, parseMessages } from "../mcp/messages/inbound.ts";
import type { Incoming } from "../mcp/messages/incoming.ts";
import type { ModernEndpoint } from "../mcp/modern/endpoint.ts";
import { neededScope } from "../mcp/scopes.ts";
import { isRequest, requestIdOf, RPC, rpcError } from "../protocol/json-rpc.ts";
import type { Refuse } from "../telemetry/metrics.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import { insufficientScope } from "./access/authenticate.ts";
import type { ProtectedResource } from "./access/protected-resource.ts";
import type { StreamCredentials } from "./access/stream-credentials.ts";
import { readBody } from "./body.ts";
import type { Authenticated } from "./guards/guard.ts";
import { stopping, takesStream } from "./guards/guards.ts";
import { readAddress } from "./guards/target.ts";
import { pagesOf, withRoom, type InFlight } from "./limits/in-flight.ts";
import { limitBatch, type CallRate } from "./limits/limits.ts";
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
  refused: Refuse;
}

export class McpHandlers {
  readonly #options: McpHandlerOptions;

  constructor(options: McpHandlerOptions) {
    this.#options = options;
  }

  async post(c: Context<Authenticated>): Promise<Response> {
    const { maxBodyBytes, accepting, pending } = this.#options;
    const bytes = await readBody(c.req.raw, maxBodyBytes);
    if (bytes === undefined) {
      return rpcError(
        413,
        RPC.server,
        `The body is larger than ${maxBodyBytes} bytes (the setting max-body).`,
      );
    }
    if (!accepting()) return stopping(); // a stop does not wait for bodies
    const { outgoing } = c.env;
    pending.enter(outgoing);
    try {
      return await this.#answer(c, bytes);
    } finally {
      pending.leave(outgoing);
    }
  }

  async get(c: Context<Authenticated>): Promise<Response> {
    return this.#streaming(c, await this.#options.legacy.get(incoming(c)));
  }

  delete(c: Context<Authenticated>): Promise<Response> {
    return this.#options.legacy.delete(incoming(c));
  }

  async #answer(c: Context<Authenticated>, bytes: ArrayBuffer | Buffer): Promise<Response> {
    const { legacy, modern, registry, resource, rate, inFlight, maxDepth, refused } = this.#options;
    const body = parseJson(bytes, maxDepth, parseMessages);
    if (body instanceof Error) return rpcError(400, RPC.parseError, body.message);
    dropNulls(body.value);
    if (Array.isArray(body.value) && body.value.length > 1) {
      const refusal = await limitBatch(rate, c.get("principal").id, body.value.length);
      if (refusal) return refusal;
    }
    const headers = {
      session: c.req.header("mcp-session-id"),
      protocolVersion: c.req.header("mcp-protocol-version"),
      method: c.req.header("mcp-method"),
      name: c.req.header("mcp-name"),
    };
    const route = classify(headers, body.value);
    if (route.kind === "reject") return refuse(route, body.value);
    const message = body.value as JSONRPCMessage | JSONRPCMessage[];
    const messages = Array.isArray(message) ? message : [message];
    const scope = neededScope(messages, registry);
    if (!may(c.get("principal"), scope)) {
      refused("scope");
      return insufficientScope(c, scope, resource);
    }
    for (const one of messages) {
      const fault = contentFault(one);
      if (fault !== undefined) return refuseContent(fault, message);
    }
    const pages = pagesOf(messages, registry);
    return withRoom(inFlight, c, pages, async () =>
      this.#streaming(
        c,
        route.kind === "modern"
          ? await modern.post(incoming(c), route, c.req.raw)
          : await legacy.post(incoming(c), message),
        Array.isArray(message),
      ),
    );
  }

  /** Prepare an answer that is a stream. Middleware may wrap the response later, so find the stream here. */
  #streaming(
    c: Context<Authenticated>,
    response: Response,
    batch = false,
  ): Response | Promise<Response> {
    const stream = streamOf(response);
    if (stream === undefined) return response;
    this.#options.streamCredentials.watch(stream, c.get("admission"));
    writeTogether(c.env.outgoing);
    whenWritten(c.env.outgoing, (written) => stream.settle(written));
    if (c.req.method === "POST" && !takesStream(c))
      return jsonAtEnd(stream, { batch, signal: c.req.raw.signal });
    return response;
  }
}

const incoming = (c: Context<Authenticated>): Incoming => ({
  principal: c.get("principal"),
  requestId: c.get("requestId"),
  headers: c.req.raw.headers,
  ...readAddress(c.req.url),
  takesStream: takesStream(c),
  clientId: c.req.header("mcp-session-id"),
  protocolVersion: c.req.header("mcp-protocol-version"),
  lastEventId: c.req.header("last-event-id"),
});

/** Refuse a message of no known era, or one whose envelope or headers are wrong. */
const refuse = (
  { cell, httpStatus, code, message, data }: InboundLadderRejection,
  body: unknown,
): Response => {
  const reason = cell === "invalid-json-rpc-body" ? messageFault(body) : message;
  return rpcError(httpStatus, code, reason, { id: requestIdOf(body), data });
};

/** Refuse a faulty message. A notification or `initialize` is refused with HTTP 400, any other request with 200. */
function refuseContent(fault: string, message: JSONRPCMessage | JSONRPCMessage[]): Response {
  const request = !Array.isArray(message) && isRequest(message) ? message : undefined;
  const status = request === undefined || request.method === "initialize" ? 400 : 200;
  return rpcError(status, RPC.invalidParams, fault, { id: request?.id ?? null });
}

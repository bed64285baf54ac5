// The 2026-07-28 era over HTTP: every POST is independent, and a handle or the address names the session. Spec:
// modelcontextprotocol.io, revision 2026-07-28, "Streamable HTTP".
import type { InboundModernRoute, JSONRPCRequest } from "@modelcontextprotocol/server";
import { RequestError } from "../../protocol/errors.ts";
import type { Caller } from "../../sessions/session.ts";
import type { ToolRegistry } from "../../tools/registry.ts";
import { ACCEPTED, type HttpAnswer } from "../calls/http-answer.ts";
import type { PassingCalls } from "../calls/passing-calls.ts";
import type { RequestLog } from "../calls/request-log.ts";
import { MODERN_VERSION } from "../initialize.ts";
import type { Incoming } from "../messages/incoming.ts";
import type { ListenStreams } from "./listen-streams.ts";
import { checkParameterHeaders, checkStandardHeaders, type Mismatch } from "./param-headers.ts";

export interface ModernEndpointOptions {
  calls: PassingCalls;
  listens: ListenStreams;
  registry: ToolRegistry;
  requestLog: RequestLog;
}

export class ModernEndpoint {
  readonly #parts: ModernEndpointOptions;

  constructor(parts: ModernEndpointOptions) {
    this.#parts = parts;
  }

  /** `route` is a message of this era with a valid envelope. */
  async post(incoming: Incoming, route: InboundModernRoute, http: Request): Promise<HttpAnswer> {
    const { revision } = route.classification;
    if (revision !== MODERN_VERSION) throw unsupported(route, revision);
    // Accept notifications without effect: cancellation is the end of the connection here, and no other matters.
    if (route.messageKind === "notification") return ACCEPTED;
    const request = route.message;
    const mismatch =
      checkStandardHeaders(request, http.headers) ?? this.#checkParameters(request, http.headers);
    if (mismatch !== undefined) {
      const { header, sent = "not there", expected } = mismatch;
      const message = `Headers and body disagree: ${header} is ${sent}, expected ${expected}.`;
      throw new RequestError("header_mismatch", message, { request, data: { mismatch } });
    }
    const { principal, target, toolsets, requestId, headers } = incoming;
    const caller = { principal, target, toolsets, requestId, headers };
    if (request.method === "subscriptions/listen") return this.#listen(request, caller);
    return this.#parts.calls.answer([request], caller, { signal: http.signal });
  }

  /**
   * Opens a `subscriptions/listen` stream. The request log records it at the start, because the stream has no end of
   * its own.
   */
  async #listen(request: JSONRPCRequest, caller: Caller): Promise<HttpAnswer> {
    const { listens, requestLog } = this.#parts;
    const began = performance.now();
    const answer = await listens.open(request, caller);
    requestLog.ended({ request, caller, began }, { jsonrpc: "2.0", id: request.id, result: {} });
    return answer;
  }

  #checkParameters({ method, params }: JSONRPCRequest, headers: Headers): Mismatch | undefined {
    if (method !== "tools/call") return undefined;
    const parameters = this.#parts.registry.headerParameters(params?.["name"]);
    return checkParameterHeaders(parameters, params?.["arguments"], headers);
  }
}

const unsupported = (
  { message: request }: InboundModernRoute,
  requested = "unknown",
): RequestError =>
  new RequestError("unsupported_version", `Unsupported protocol version: ${requested}`, {
    request,
    data: { supported: [MODERN_VERSION], requested },
  });

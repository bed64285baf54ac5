// The 2025 era without `Mcp-Session-Id`, for hosts that initialize for each call or send no id back. A request is
// served if it needs no client. Its argument, its address or `default-session` selects the session.
import { type JSONRPCMessage, SUPPORTED_PROTOCOL_VERSIONS } from "@modelcontextprotocol/server";
import { RequestError } from "../../protocol/errors.ts";
import { isRequest } from "../../protocol/json-rpc.ts";
import { ACCEPTED, type HttpAnswer } from "../calls/http-answer.ts";
import type { PassingCalls } from "../calls/passing-calls.ts";
import { checkRevision } from "../messages/batch.ts";
import type { Incoming } from "../messages/incoming.ts";

/** Methods that store something for a client, or send it later. */
const NEED_A_CLIENT: ReadonlySet<string> = new Set([
  ...["resources/subscribe", "resources/unsubscribe", "logging/setLevel"],
]);

/** The version that the specification assumes for a request without one. */
const ASSUMED_VERSION = "2025-03-26";

/** The hint for a request that needs a client. */
export const INITIALIZE_FIRST =
  "Send initialize, and bring the Mcp-Session-Id that it answers with in each request.";

export class Headerless {
  readonly #calls: PassingCalls;

  constructor(calls: PassingCalls) {
    this.#calls = calls;
  }

  async post(
    {
      principal,
      target,
      toolsets,
      requestId,
      headers,
      protocolVersion = ASSUMED_VERSION,
    }: Incoming,
    messages: readonly JSONRPCMessage[],
    batch: boolean,
  ): Promise<HttpAnswer> {
    if (!SUPPORTED_PROTOCOL_VERSIONS.includes(protocolVersion)) {
      const supported = SUPPORTED_PROTOCOL_VERSIONS.join(", ");
      const message = `Unsupported protocol version: ${protocolVersion} (supported: ${supported}).`;
      throw new RequestError("bad_http", message);
    }
    if (batch) checkRevision(protocolVersion);
    const requests = messages.filter(isRequest);
    const needy = requests.find(({ method }) => NEED_A_CLIENT.has(method));
    if (needy !== undefined) {
      const message = `${needy.method} needs a session. ${INITIALIZE_FIRST}`;
      throw new RequestError("bad_http", message, { request: needy });
    }
    if (requests.length === 0) return ACCEPTED;
    const noQuestions = `this request brings no session. ${INITIALIZE_FIRST}`;
    const caller = { principal, target, toolsets, requestId, headers, noQuestions };
    return this.#calls.answer(requests, caller, { batch });
  }
}

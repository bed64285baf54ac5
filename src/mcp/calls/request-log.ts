// Counts every ended request and, at log level debug, writes a line with caller, tool, session, outcome and duration.
// The line never has content: no arguments, no results, no names that clients choose.
import {
  isJSONRPCErrorResponse,
  type JSONRPCMessage,
  ProtocolError,
  ProtocolErrorCode,
} from "@modelcontextprotocol/server";
import { ToolMistake } from "../../definitions/mistake.ts";
import { type ErrorCode, type RequestErrorCode, toAppError } from "../../lib/errors.ts";
import { isId } from "../../lib/ids.ts";
import { RPC } from "../../protocol/json-rpc.ts";
import type { Caller } from "../../sessions/session.ts";
import { type FailedCall, failureLevel, logFailure } from "../../telemetry/failures.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import { outcomeOfResult, type ResultParts, SESSION_META } from "../../tools/call-result.ts";
import type { ToolRegistry } from "../../tools/registry.ts";
import { METHOD_SCOPES } from "../scopes.ts";
import { type Interruptible, isModern } from "./interruption.ts";

/** A request in flight. */
export interface LoggedRequest {
  request: Interruptible;
  caller: Caller;
  /** Start, from `performance.now()`. */
  began: number;
}

/** The answer, or the reason why a request ended without one. */
export type RequestOutcome = JSONRPCMessage | "cancelled" | "interrupted";

export interface RequestLogOptions {
  registry: ToolRegistry;
  metrics: Metrics;
  log: Logger;
}

/** Label for unknown tools and methods, whose number is unbounded. */
const UNKNOWN = "unknown";

export class RequestLog {
  readonly #registry: ToolRegistry;
  readonly #metrics: Metrics;
  readonly #log: Logger;
  readonly #writes: boolean;

  constructor({ registry, metrics, log }: RequestLogOptions) {
    this.#registry = registry;
    this.#metrics = metrics;
    this.#log = log;
    this.#writes = log.isLevelEnabled("debug");
  }

  /** Counts and logs an ended request; call it once per request. */
  ended({ request, caller, began }: LoggedRequest, ending: RequestOutcome): void {
    const ms = performance.now() - began;
    const outcome = outcomeOf(ending);
    const { method, params } = request;
    const isCall = method === "tools/call";
    const name = isCall ? this.#toolName(params?.["name"]) : methodName(method);
    if (isCall) this.#metrics.toolCalled(name, bounded(outcome), ms / 1_000);
    else this.#metrics.requested(name, bounded(outcome));
    if (!this.#writes) return;
    const { principal, client, requestId } = caller;
    const line = {
      ...(isCall ? { tool: name } : { method: name }),
      principal: principal.id,
      session: sessionOf(ending, caller),
      client: client?.id,
      era: isModern(request) ? "2026" : "2025",
      outcome,
      ms: Math.round(ms * 100) / 100,
      request: requestId,
    };
    this.#log.debug(line, isCall ? "call" : "request");
  }

  /** The error to send for a handler's error. A defect stays private, and is logged under its request's id. */
  failed(error: unknown, call: FailedCall): unknown {
    if (error instanceof ToolMistake) {
      const line = { level: "error", message: "its author's mistake", stack: true } as const;
      logFailure(this.#log, error.cause ?? error, call, line);
      const more = `The server's log has more, under request ${call.request}.`;
      const advice = `There is a mistake, which its author must mend: ${error.message}. ${more}`;
      return new ProtocolError(ProtocolErrorCode.InternalError, advice);
    }
    const known = toAppError(error, call.request);
    if (known.code !== "internal") {
      const level = failureLevel(known);
      if (level) logFailure(this.#log, known, call, { level, message: "a request failed" });
      return error;
    }
    const line = { level: "error", message: known.message, stack: true } as const;
    logFailure(this.#log, known.cause ?? known, call, line);
    return new ProtocolError(ProtocolErrorCode.InternalError, known.advice);
  }

  #toolName(name: unknown): string {
    return typeof name === "string" && this.#registry.has(name) ? name : UNKNOWN;
  }
}

const methodName = (method: string): string =>
  Object.hasOwn(METHOD_SCOPES, method) ? method : UNKNOWN;

interface Result extends ResultParts {
  structuredContent?: { session?: unknown };
}

/** `ok`, a tool's error code, a JSON-RPC error code, or the reason for no answer. */
function outcomeOf(ending: RequestOutcome): string {
  if (typeof ending === "string") return ending;
  if (isError(ending)) {
    const { code, data } = ending.error;
    return (data as { interrupted?: unknown } | undefined)?.interrupted === true
      ? "interrupted"
      : String(code);
  }
  return outcomeOfResult(resultOf(ending));
}

const isError = (message: JSONRPCMessage): message is Extract<JSONRPCMessage, { error: object }> =>
  "error" in message && isJSONRPCErrorResponse(message);

const resultOf = (message: JSONRPCMessage): Result => ("result" in message ? message.result : {});

const TOOL_ERRORS: Readonly<Record<Exclude<ErrorCode, RequestErrorCode>, true>> = {
  ...{ invalid: true, not_found: true, forbidden: true, conflict: true, limit: true, busy: true },
  ...{ model: true, storage_full: true, storage: true, start: true, unavailable: true },
  ...{ interrupted: true, internal: true },
};
const RESOURCE_NOT_FOUND = -32002;
const OUTCOMES: ReadonlySet<string> = new Set([
  ...["ok", "input_required", "cancelled", ...Object.keys(TOOL_ERRORS)],
  ...[...Object.values(RPC), RESOURCE_NOT_FOUND].map(String),
]);

/** A known outcome; any other code of a tool or a client becomes `error`, which bounds the labels. */
const bounded = (outcome: string): string => (OUTCOMES.has(outcome) ? outcome : "error");

/** The session of a call; after a failure, the session of its address or its client. */
function sessionOf(ending: RequestOutcome, { target, client }: Caller): string | undefined {
  const { _meta, structuredContent } = typeof ending === "string" ? {} : resultOf(ending);
  const told = _meta?.[SESSION_META] ?? structuredContent?.session; // the session may be new
  if (typeof told === "string" && isId(told)) return told;
  if (target === undefined) return client?.sessionId ?? undefined;
  return "id" in target && isId(target.id) ? target.id : undefined;
}

// Counts every request that has ended and, at log level debug, writes a line about it: who asked for which tool, in which
// session, what came of it, how long it took. Never what was said: no arguments, no results, no names that are not ours.
import {
  isJSONRPCErrorResponse,
  ProtocolError,
  ProtocolErrorCode,
  type JSONRPCMessage,
} from "@modelcontextprotocol/server";
import { ToolMistake } from "../../definitions/mistake.ts";
import { toAppError, type ErrorCode } from "../../lib/errors.ts";
import { isId } from "../../lib/ids.ts";
import type { Caller } from "../../sessions/session.ts";
import { failureLevel, logFailure, type FailedCall } from "../../telemetry/failures.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import { ERROR_META, SESSION_META, type ToolRegistry } from "../../tools/registry.ts";
import { isModern, type Interruptible } from "./interruption.ts";
import { RPC } from "../../protocol/json-rpc.ts";

/** A request that is being answered. */
export interface LoggedRequest {
  request: Interruptible;
  caller: Caller;
  /** From `performance.now()`. */
  began: number;
}

/** The answer; or how a request ended that gets none. */
export type RequestOutcome = JSONRPCMessage | "cancelled" | "interrupted";

export interface RequestLogOptions {
  registry: ToolRegistry;
  /** Undefined where nothing is counted. */
  metrics: Metrics | undefined;
  log: Logger;
}

const METHODS: ReadonlySet<string> = new Set([
  ...["initialize", "ping", "server/discover", "subscriptions/listen", "logging/setLevel"],
  ...["tools/list", "prompts/list", "prompts/get", "completion/complete"],
  ...["resources/list", "resources/templates/list", "resources/read"],
  ...["resources/subscribe", "resources/unsubscribe"],
]);
/** For tools and methods that there are not: clients could send any number of these. */
const UNKNOWN = "unknown";

export class RequestLog {
  readonly #registry: ToolRegistry;
  readonly #metrics: Metrics | undefined;
  readonly #log: Logger;
  readonly #writes: boolean;

  constructor({ registry, metrics, log }: RequestLogOptions) {
    this.#registry = registry;
    this.#metrics = metrics;
    this.#log = log;
    this.#writes = log.isLevelEnabled("debug");
  }

  /** To be called once a request. */
  ended({ request, caller, began }: LoggedRequest, ending: RequestOutcome): void {
    if (this.#metrics === undefined && !this.#writes) return;
    const ms = performance.now() - began;
    const outcome = outcomeOf(ending);
    const { method, params } = request;
    const isCall = method === "tools/call";
    const name = isCall ? this.#toolName(params?.["name"]) : methodName(method);
    if (isCall) this.#metrics?.toolCalled(name, bounded(outcome), ms / 1_000);
    else this.#metrics?.requested(name, bounded(outcome));
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

  /** What to throw for what a handler has thrown: a defect stays private, and is logged under its request's id. */
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

const methodName = (method: string): string => (METHODS.has(method) ? method : UNKNOWN);

interface ResultParts {
  isError?: unknown;
  resultType?: unknown;
  structuredContent?: { session?: unknown };
  _meta?: Record<string, unknown>;
}

/** `ok`, a tool's error code, a JSON-RPC error code, or how it ended without an answer. */
function outcomeOf(ending: RequestOutcome): string {
  if (typeof ending === "string") return ending;
  if (isError(ending)) {
    const { code, data } = ending.error;
    return (data as { interrupted?: unknown } | undefined)?.interrupted === true
      ? "interrupted"
      : String(code);
  }
  const { isError: failed, resultType, _meta } = resultOf(ending);
  if (failed === true) {
    const code = _meta?.[ERROR_META];
    return typeof code === "string" ? code : "error";
  }
  return resultType === "input_required" ? "input_required" : "ok";
}

const isError = (message: JSONRPCMessage): message is Extract<JSONRPCMessage, { error: object }> =>
  "error" in message && isJSONRPCErrorResponse(message);

const resultOf = (message: JSONRPCMessage): ResultParts =>
  "result" in message ? (message.result as ResultParts) : {};

const TOOL_ERRORS: Readonly<Record<ErrorCode, true>> = {
  ...{ invalid: true, not_found: true, forbidden: true, conflict: true, limit: true, busy: true },
  ...{ model: true, storage_full: true, storage: true, start: true, unavailable: true },
  ...{ interrupted: true, internal: true },
};
const RESOURCE_NOT_FOUND = -32002;
const OUTCOMES: ReadonlySet<string> = new Set([
  ...["ok", "input_required", "cancelled", ...Object.keys(TOOL_ERRORS)],
  ...[...Object.values(RPC), RESOURCE_NOT_FOUND].map(String),
]);

/** Tools may have codes of their own, and a client's error to a question may become the call's: those are one. */
const bounded = (outcome: string): string => (OUTCOMES.has(outcome) ? outcome : "error");

/** The session that a call worked in; of one that failed, the one that its address or its client stands for. */
function sessionOf(ending: RequestOutcome, { target, client }: Caller): string | undefined {
  const { _meta, structuredContent } = typeof ending === "string" ? {} : resultOf(ending);
  const told = _meta?.[SESSION_META] ?? structuredContent?.session; // of one that was opened just now
  if (typeof told === "string" && isId(told)) return told;
  if (target === undefined) return client?.sessionId ?? undefined;
  return "id" in target && isId(target.id) ? target.id : undefined;
}

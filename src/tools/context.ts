// What passes between a server, a tool and its handler.
import type {
  CallToolResult,
  InputRequiredResult,
  LoggingLevel,
} from "@modelcontextprotocol/server";
import type { Principal } from "../auth/principal.ts";
import type { Caller, Client } from "../sessions/session.ts";
import type { OwnSessions } from "./own-sessions.ts";
import type { SessionHandle, SessionServices } from "./session-handle.ts";

/**
 * What a tool wants when nothing names a session (2026 era, no name in the address):
 * `required` refuses with a way out, `created` opens a new one, `optional` runs without.
 */
export type SessionPolicy = "required" | "created" | "optional";

/** What a handler can say to its caller while it works, and hear from it. */
export interface CallChannel {
  /** Aborted when the caller cancels. */
  signal: AbortSignal;
  /** Reports progress, if the caller asked for it; `progress` must grow from call to call. */
  progress(progress: number, total?: number, message?: string): Promise<void>;
  /** Sends a log message to the caller, if it wants that level. */
  log(level: LoggingLevel, data: unknown): Promise<void>;
  /** Answers to what an earlier round of this call asked with `inputRequired(…)`, by name; not validated. */
  inputResponses: Readonly<Record<string, unknown>> | undefined;
  /** What that round gave along as `requestState`. */
  requestState<T = unknown>(): T | undefined;
  /** Ends the connection of this call's stream: the caller comes back for the rest. Over stdio it does nothing. */
  closeStream(): void;
}

/** What a handler is given. Everything in it is already limited to what the caller may see. */
export interface ToolContext<Input, Policy extends SessionPolicy = "required"> extends CallChannel {
  input: Input;
  /** The session of this call: its state and its history are durable when their promises resolve. */
  session: Policy extends "optional" ? SessionHandle | undefined : SessionHandle;
  /** The caller's other sessions. */
  sessions: OwnSessions;
  principal: Principal;
  /** The program that calls, as it introduced itself (2025 era). */
  client: Client | undefined;
}

/** A text; or a value that becomes `structuredContent` with a JSON rendering; or the whole MCP result. */
export type ToolResult = string | CallToolResult | InputRequiredResult | Record<string, unknown>;

/** One call of a tool, its arguments already checked. */
export interface Call {
  input: Record<string, unknown>;
  caller: Caller;
  services: SessionServices;
  channel: CallChannel;
  /** Told which session the call works in, as soon as that is known. */
  onSession(id: string): void;
}

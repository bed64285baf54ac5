// What passes between a server, a tool and its handler.
import type {
  CallToolResult,
  ContentBlock,
  InputRequiredResult,
  LoggingLevel,
} from "@modelcontextprotocol/server";
import type { Principal } from "../../auth/principal.ts";
import type { CallingProgram, RequestInfo } from "../../definitions/request.ts";
import type { Caller, Session } from "../../sessions/session.ts";
import type { StateUse } from "../../protocol/request-state-use.ts";
import type { OwnSessions } from "./own-sessions.ts";
import type { InputOf, ObjectSchema } from "../../definitions/schema.ts";
import type { SessionHandle, SessionServices } from "./session-handle.ts";

/**
 * What a tool wants where nothing names a session and the setting `default-session` gives none: `required` refuses with
 * a way out, `created` opens a new one with what it stores. `optional` takes what is there already, and runs without.
 * `none` has nothing to do with the session of its call: neither its arguments nor its result name one.
 */
/** `named`: the argument `session` is not looked up, see `sessionArgument`. */
export type SessionPolicy = "required" | "created" | "optional" | "none" | "named";

/** What a handler can say to its caller while it works, and hear from it. */
export interface CallChannel {
  client: CallingProgram | undefined;
  /** What came with the call besides: `_meta`, and HTTP headers without credentials. */
  request: RequestInfo;
  /** Aborted when the caller cancels. */
  signal: AbortSignal;
  /** Reports progress, if the caller asked for it; `progress` must grow from call to call. */
  progress(progress: number, total?: number, message?: string): Promise<void>;
  /** Sends a log message to the caller, if it wants that level. */
  log(level: LoggingLevel, data: unknown): Promise<void>;
  /** From the request's `_meta`: repeating the call with the same key does not do it twice. */
  requestKey: string | undefined;
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
  session: Policy extends "optional" | "none" | "named" ? SessionHandle | undefined : SessionHandle;
  /** The argument `session`, as it came: it may name one that the caller does not reach. */
  sessionArgument: string | undefined;
  /** The caller's other sessions. */
  sessions: OwnSessions;
  principal: Principal;
}

/**
 * What a handler returns: a text, a number or a truth value; nothing; a list; content blocks; an object, which becomes
 * `structuredContent` with a JSON rendering; or the whole MCP result. With an `output`, what that describes.
 */
export type ToolResult<Output = undefined> =
  | CallToolResult
  | InputRequiredResult
  | (Output extends ObjectSchema
      ? InputOf<Output>
      : | string
        | number
        | boolean
        | null
        | undefined
        | void
        | ContentBlock
        | readonly unknown[]
        | Record<string, unknown>);

/** A call that must be done once, however often it is repeated. */
export interface Once {
  key: string;
  /** A hash of the tool and its arguments. */
  request: string;
  /** Whether a run that was cut short may simply be run again. */
  repeatable: boolean;
  /** Whether all that it does are changes of sessions: one that was made is not made again by a later run. */
  changesOnly: boolean;
}

/** A later round of a call: the one use of its `requestState`. */
export interface Round extends StateUse {
  /** The session that the earlier round worked in. */
  session: string | null;
  /** Whether a run that was cut short may simply be run again. */
  repeatable: boolean;
}

/** A session that a call has made without being asked to. */
export type OpenedSession = Pick<Session, "name">;

/** One call of a tool, its arguments already checked. */
export interface Call {
  once?: Once | undefined;
  round?: Round | undefined;
  /** The id for a session that the call may have to open: the same in all its rounds. */
  newSessionId: string;
  input: unknown;
  /** The argument `session`. */
  session: string | undefined;
  caller: Caller;
  services: SessionServices;
  channel: CallChannel;
  /** Told which session the call works in, as soon as that is known; with `opened`, that the call has made it. */
  onSession(id: string, opened?: OpenedSession): void;
}

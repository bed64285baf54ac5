// The types that a server, a tool and its handler share.
import type {
  CallToolResult,
  ContentBlock,
  InputRequiredResult,
  LoggingLevel,
} from "@modelcontextprotocol/server";
import type { Principal } from "../../auth/principal.ts";
import type { CallingProgram, RequestInfo } from "../../definitions/request.ts";
import type { InputOf, ObjectSchema } from "../../definitions/schema.ts";
import type { StateUse } from "../../protocol/request-state-use.ts";
import type { Caller, Session } from "../../sessions/session.ts";
import type { TaskRun } from "../../tasks/run.ts";
import type { Settled } from "../results.ts";
import type { OwnSessions } from "./own-sessions.ts";
import type { SessionHandle, SessionServices } from "./session-handle.ts";

/**
 * The need for a session when the call names none and the setting `default-session` gives none. `required` refuses and
 * names a way out. `created` makes a new session with the first write. `optional` takes an existing session or runs
 * without one. `none` has no session: neither its arguments nor its result name one. `named` does not look up the
 * argument `session`: see `sessionArgument`.
 */
export type SessionPolicy = "required" | "created" | "optional" | "none" | "named";

/**
 * `taken`: the call may answer with a task. `refused`: it must not, although the protocol has tasks. `waits`: the caller waits
 * for the end, however long that takes.
 */
export type TaskSupport = "taken" | "refused" | "waits";

/** A call of a tool becomes a task always, or where the caller can take one. */
export type TaskMode = "optional" | "required";

/** The handler's connection to its caller during a call. */
export interface CallChannel {
  client: CallingProgram | undefined;
  /** The rest of the request: `_meta`, and HTTP headers without credentials. */
  request: RequestInfo;
  /** Aborted when the caller cancels. */
  signal: AbortSignal;
  /** Reports progress, if the caller asked for it; `progress` must grow from call to call. */
  progress(progress: number, total?: number, message?: string): Promise<void>;
  /** Sends a log message to the caller, if it wants that level. */
  log(level: LoggingLevel, data: unknown): Promise<void>;
  /** The key in the request's `_meta`: a repeated call with the same key does not run twice. */
  requestKey: string | undefined;
  /** Answers to the input requests of an earlier round (`inputRequired(…)`), by name; not validated. */
  inputResponses: Readonly<Record<string, unknown>> | undefined;
  /** The `requestState` that the earlier round returned. */
  requestState<T = unknown>(): T | undefined;
  /** The caller's way with tasks; undefined for one that knows only tools. */
  taskSupport?: TaskSupport | undefined;
  /** Ends the connection of this call's stream; the client reconnects for the rest. No effect over stdio. */
  closeStream(): void;
}

/** The handler's argument. Everything in it is limited to the caller's rights. */
export interface ToolContext<Input, Policy extends SessionPolicy = "required"> extends CallChannel {
  input: Input;
  /** The session of this call. State and history are durable when their promises resolve. */
  session: Policy extends "optional" | "none" | "named" ? SessionHandle | undefined : SessionHandle;
  /** The argument `session` as received; it may name a session that the caller cannot access. */
  sessionArgument: string | undefined;
  /** The caller's other sessions. */
  sessions: OwnSessions;
  principal: Principal;
}

/**
 * A handler's return value: text, a number or a boolean; nothing; a list; content blocks; an object, which becomes
 * `structuredContent` with a JSON text; or a whole MCP result. A tool with `output` returns the data that `output`
 * describes.
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

/** A call that runs once, however often it is repeated. */
export interface Once {
  key: string;
  /** A hash of the tool and its arguments. */
  request: string;
  /** True if an interrupted run may simply run again. */
  repeatable: boolean;
  /** True if the tool only changes sessions; a later run skips the changes that were made. */
  changesOnly: boolean;
  /** True if the tool only deletes. */
  frees: boolean;
  /** True if the tool deletes the session of the call. */
  deletesSession: boolean;
}

/** A later round of a call: the one use of its `requestState`. */
export interface Round extends StateUse {
  /** The session of the earlier round. */
  session: string | null;
  /** True if an interrupted run may simply run again. */
  repeatable: boolean;
}

/** A session that a call created without being asked to. */
export type OpenedSession = Pick<Session, "name">;

/** A task that a call begins, or a later round of the call goes on with. */
export interface TaskStart {
  mode: TaskMode;
  /** The id of the task. */
  id: string;
  /** The session of the call, if it has one already. */
  sessionId: string | null;
  /** Aborted when no caller waits any more. */
  signal: AbortSignal;
  /** True if a repeated call asks for the same task. */
  isKeyed: boolean;
  /** `recovery`: the process of an earlier call died. `repeat`: an earlier call was told of the task. */
  as: "first" | "recovery" | "repeat";
  /** Runs before the task begins; resolves to an answer in its place. */
  prepare(): Promise<Settled | undefined>;
}

/** One call of a tool, with validated arguments. */
export interface Call {
  /** The run of the task that this is. */
  task?: TaskRun | undefined;
  /** Begins a task; resolves to the answer to its caller. */
  beginTask(start: TaskStart): Promise<Settled>;
  once?: Once | undefined;
  round?: Round | undefined;
  /** The id of the session that the call may create; the same in all rounds. */
  newSessionId: string;
  input: unknown;
  /** The argument `session`. */
  session: string | undefined;
  caller: Caller;
  services: SessionServices;
  channel: CallChannel;
  /** Called with the call's session as soon as it is known; `opened` means that the call created it. */
  onSession(id: string, opened?: OpenedSession): void;
}

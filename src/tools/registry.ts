// All tools of a server, and the one way to call them. Tools from files may be replaced while the server runs.
import {
  type CallToolResult,
  type InputRequiredResult,
  ProtocolError,
  type StandardSchemaV1,
  type Tool as WireTool,
} from "@modelcontextprotocol/server";
import { type Scope, scopeOf } from "../auth/principal.ts";
import type { Toolset, ToolsetName } from "../config/toolsets.ts";
import { Catalogue, type Kind } from "../definitions/catalogue.ts";
import { ToolMistake } from "../definitions/mistake.ts";
import { asTool } from "../definitions/running.ts";
import { fieldOf } from "../definitions/schema.ts";
import { AppError, toAppError } from "../lib/errors.ts";
import { newId } from "../lib/ids.ts";
import { unstorable } from "../lib/json/storable.ts";
import { RequestError } from "../protocol/errors.ts";
import { requestOf } from "../protocol/request-state-use.ts";
import type { Asked, OpenedState, RequestStates } from "../protocol/request-state.ts";
import type { Caller } from "../sessions/session.ts";
import { RunLeft } from "../tasks/run-life.ts";
import type { TaskRun } from "../tasks/run.ts";
import { type FailedCall, failureLevel, logFailure } from "../telemetry/failures.ts";
import type { Logger } from "../telemetry/logger.ts";
import { parseArguments } from "./arguments.ts";
import { CallActivity, type CallEnding, Stopped, type Watched } from "./call-activity.ts";
import { failure, named, outcomeOfResult } from "./call-result.ts";
import type { HeaderParameter } from "./header-parameters.ts";
import { onceOf, withRequestKey } from "./request-key.ts";
import { isQuestion, isTaskCreated, type Settled } from "./results.ts";
import type { Call, OpenedSession } from "./session/context.ts";
import type { SessionServices } from "./session/session-handle.ts";
import type { TaskCalls } from "./tasks/task-calls.ts";
import { ToolLists } from "./tool-lists.ts";
import type { Tool } from "./tool.ts";

const TOOLS: Kind<Tool> = {
  label: "Tool",
  field: "name",
  keyOf: ({ name }) => name,
  // Let other tools take ChatGPT's required names, which a user's own tools may already have.
  yields: ({ toolset }) => toolset === "chatgpt",
};

export const toolCatalogue = (builtIn: () => readonly Tool[]): Catalogue<Tool> =>
  Catalogue.of(TOOLS, builtIn);

/** A run of a task. */
export interface TaskRunOptions extends Pick<Call, "caller" | "channel"> {
  run: TaskRun;
  /** The task's session, if it has one, and the id of the one that it may open. */
  place: { session: string | undefined; newSessionId: string };
}

export interface RegistryOptions {
  /** Begins tasks. Without it, calls that would be tasks fail. */
  tasks?: TaskCalls | undefined;
  /** True if `use` may be called later: clients are told at the start that the list can change. */
  changes?: boolean;
  /** Names of the built-in tools whose calls may be tasks, which are known before the tools are made. */
  builtInTasks?: readonly string[];
  /** The toolsets that `list` shows to callers without a choice of their own. */
  toolsets?: readonly ToolsetName[];
}

export class ToolRegistry {
  /** True if `use` may be called later: clients are told at the start that the list can change. */
  readonly changes: boolean;
  /** The tools that are never replaced. */
  readonly fixed: Catalogue<Tool>;
  /** The calls of this process that run, and the last ones that ended. */
  readonly activity = new CallActivity();
  #all: Catalogue<Tool>;
  #lists: ToolLists;
  readonly #toolsets: readonly ToolsetName[];
  readonly #builtInTasks: readonly string[];
  readonly #services: SessionServices;
  readonly #states: RequestStates;
  readonly #tasks: TaskCalls | undefined;
  readonly #log: Logger;

  constructor(
    fixed: Catalogue<Tool>,
    services: SessionServices,
    states: RequestStates,
    log: Logger,
    { changes = false, builtInTasks = [], toolsets = ["core"], tasks }: RegistryOptions = {},
  ) {
    this.changes = changes;
    this.#toolsets = toolsets;
    this.#builtInTasks = builtInTasks;
    this.fixed = this.#all = fixed;
    this.#lists = new ToolLists(fixed);
    this.#services = services;
    this.#states = states;
    this.#tasks = tasks;
    this.#log = log;
  }

  /**
   * The answer to this caller's `tools/list`, in the order of definition. The caller may call every listed tool, and
   * others.
   */
  list({ principal, toolsets = this.#toolsets }: Caller): readonly WireTool[] {
    return this.#lists.list(toolsets, scopeOf(principal));
  }

  /** All tools, in the order of definition. */
  get wire(): readonly WireTool[] {
    return this.#all.wire;
  }

  /** The toolset of this tool; undefined for one that every list shows. */
  toolsetOf(name: string): Toolset | undefined {
    return this.#all.get(name)?.toolset;
  }

  /** Replaces the tools. Running calls go on with the tool that they began with. */
  use(all: Catalogue<Tool>): { changed: boolean } {
    const changed = JSON.stringify(all.wire) !== JSON.stringify(this.wire);
    this.#all = all;
    this.#lists = new ToolLists(all);
    return { changed };
  }

  has(name: string): boolean {
    return this.#all.get(name) !== undefined;
  }

  /** True for a tool that waits on nothing outside the process, and for an unknown tool, which fails at once. */
  answersInJson(name: unknown): boolean {
    return (this.#all.get(name)?.response ?? "json") === "json";
  }

  /** True for a tool that only returns stored data, at once. */
  isReading(name: unknown): boolean {
    const tool = this.#all.get(name);
    return (
      tool !== undefined && tool.response === "json" && tool.annotations?.readOnlyHint === true
    );
  }

  /** The tool's arguments that clients repeat in HTTP headers. */
  headerParameters(name: unknown): readonly HeaderParameter[] {
    return this.#all.get(name)?.headers ?? [];
  }

  /** The scope that a call of this tool requires; `read` for an unknown tool, which does nothing. */
  scopeOf(name: unknown): Scope {
    return this.#all.get(name)?.scope ?? "read";
  }

  /** The scope that a task of this tool requires, as its call did; `write` for a tool that is gone. */
  taskScopeOf(name: string): Scope {
    return this.#all.get(name)?.scope ?? "write";
  }

  /** True if an interrupted call of this tool may run again. */
  isIdempotent(name: unknown): boolean {
    const annotations = this.#all.get(name)?.annotations;
    return (annotations?.readOnlyHint || annotations?.idempotentHint) ?? false;
  }

  /** Names of the tools whose calls may be tasks. */
  get taskTools(): readonly string[] {
    const own = this.#all.own.filter(({ isTask }) => isTask).map(({ name }) => name);
    return [...this.#builtInTasks, ...own];
  }

  /**
   * Runs a tool. A failure inside the tool is a result with `isError`, written for a model.
   * @throws RequestError for an unknown tool or a wrong `requestState`; the signal's reason when the call was
   * cancelled
   */
  async call(
    name: string,
    args: unknown,
    { caller, channel }: Pick<Call, "caller" | "channel">,
  ): Promise<Settled> {
    const tool = this.#find(name);
    const watched = this.activity.begin(name, caller.principal, channel, tool.response !== "json");
    let ending: CallEnding = { outcome: "error" };
    try {
      const result = await this.#asTool(tool, () => this.#call(tool, args, caller, watched));
      ending = endingOf(result);
      return result;
    } catch (error) {
      ending = channel.signal.aborted ? { outcome: "cancelled" } : faultOf(error);
      throw error;
    } finally {
      this.activity.end(watched, ending);
    }
  }

  /**
   * Runs the handler of a task. @throws RunLeft when the task waits, RequestError and ProtocolError as its end, the
   * signal's reason
   */
  async runTask(name: string, args: unknown, task: TaskRunOptions): Promise<CallToolResult> {
    const { channel, caller, run } = task;
    const watched = { channel, session: undefined, isStopped: false };
    const tool = this.#find(name);
    const result = await this.#asTool(tool, () => this.#call(tool, args, caller, watched, task));
    return isQuestion(result)
      ? run.question(result.inputRequests ?? {}, result.requestState)
      : (result as CallToolResult);
  }

  /** @throws RequestError */
  #find(name: string): Tool {
    const tool = this.#all.get(name);
    if (tool !== undefined) return tool;
    throw new RequestError(
      "invalid_params",
      `Unknown tool: ${name}. tools/list names the tools there are.`,
    );
  }

  /** Runs what a user's own tool has a part in as its code: its schema, its handler, and what these leave running. */
  #asTool<T>({ name }: Tool, act: () => T): T {
    return this.#all.isBuiltIn(name) ? act() : asTool(name, act);
  }

  async #call(
    tool: Tool,
    args: unknown,
    caller: Caller,
    watched: Pick<Watched, "channel" | "session" | "isStopped">,
    task?: TaskRunOptions,
  ): Promise<Settled> {
    const { name } = tool;
    const { channel } = watched;
    const fault = unstorable("", args ?? {});
    if (fault !== undefined) return failure(fault, "invalid");
    const { principal } = caller;
    const asked = { principal, method: "tools/call", name, args, place: caller };
    let session: string | null = null;
    let opened: OpenedSession | undefined;
    try {
      const parsing = parseArguments(tool.input, args);
      const parsed = parsing instanceof Promise ? await parsing : parsing;
      if (parsed.issues !== undefined)
        return failure(`Wrong arguments for ${name}:\n${faults(parsed.issues)}`, "invalid");
      const sealed = task ? undefined : channel.requestState<string>();
      const opening = sealed === undefined ? undefined : await this.#states.open(asked, sealed);
      const round = opening?.state as Carried | undefined;
      const input = withRequestKey(tool, parsed.input, channel.requestKey);
      const newSessionId = task?.place.newSessionId ?? round?.session ?? newId();
      const once = onceOf(tool, input, channel.requestKey, this.#all.isBuiltIn(name));
      const ownChannel = round ? { ...channel, requestState: <T>() => round.state as T } : channel;
      const call: Call = {
        caller,
        channel: ownChannel,
        input,
        task: task?.run,
        beginTask: (start) => {
          if (this.#tasks === undefined) throw new AppError("internal", "Tasks are not run here.");
          const hasOutput = tool.wire.outputSchema !== undefined;
          const asked = { tool: name, args, hasOutput, caller, channel: ownChannel };
          return this.#tasks.begin(start, asked);
        },
        session: task?.place.session ?? parsed.session,
        newSessionId,
        once,
        round: opening && {
          id: opening.id,
          request: requestOf(once?.key ?? channel.requestKey, {
            rpcId: caller.rpcId,
            responses: channel.inputResponses,
          }),
          session: round?.worked ?? null,
          repeatable: tool.takesRequestKey || this.isIdempotent(name),
        },
        services: this.#services,
        onSession(id, made) {
          [session, opened] = [id, made];
          watched.session = id;
          caller.onSession?.(id);
        },
      };
      const result = await tool.run(call);
      if (isTaskCreated(result) || (task && isQuestion(result))) return result;
      return isQuestion(result)
        ? await this.#nextRound(asked, result, { session: newSessionId, worked: session }, opening)
        : named(result, session, { opened, namesSession: tool.namesSession });
    } catch (error) {
      if (error instanceof RunLeft) throw error;
      if (watched.isStopped) return failure(new Stopped().message, "interrupted");
      channel.signal.throwIfAborted();
      if (isOfRequest(error)) throw error;
      return this.#failed(tool, error, {
        tool: name,
        program: channel.client,
        principal: caller.principal.id,
        request: caller.requestId,
        args,
        onThrow: caller.onThrow,
      });
    }
  }

  /** Turns an error into a result for the model, and logs the details for the operator. */
  #failed(
    { name }: Tool,
    error: unknown,
    { onThrow, ...call }: FailedCall & Pick<Caller, "onThrow">,
  ): CallToolResult {
    if (error instanceof ToolMistake) {
      const { field } = error;
      logFailure(this.#log, error, call, { level: "error", message: "a tool's mistake", field });
      return failure(
        `The tool ${name} has a mistake, which its author must mend: ${error.message}. Calling it again does not help.`,
        "internal",
      );
    }
    const known = toAppError(error, call.request);
    if (known.code !== "internal") {
      const level = failureLevel(known);
      if (level) logFailure(this.#log, known, call, { level, message: "a call failed" });
      return failure(known.advice, known.code);
    }
    const isOurs = this.#all.isBuiltIn(name);
    const thrown = error instanceof AppError ? (error.cause ?? error) : error;
    const line = {
      message: "a tool threw",
      stack: true,
      level: isOurs ? "error" : "warn",
    } as const;
    if (isOurs || onThrow === undefined) logFailure(this.#log, thrown, call, line);
    else onThrow(thrown);
    if (isOurs) return failure(known.advice, known.code);
    return failure(
      `The tool ${name} failed. The server's log has the reason, under request ${call.request}.`,
      "internal",
    );
  }

  async #nextRound(
    asked: Asked,
    result: InputRequiredResult,
    sessions: Pick<Carried, "session" | "worked">,
    after: OpenedState | undefined,
  ): Promise<InputRequiredResult> {
    const carried: Carried = { state: result.requestState, ...sessions };
    return { ...result, requestState: await this.#states.seal(asked, carried, after) };
  }
}

/** The content of a `requestState`. */
interface Carried {
  /** The tool's own state. */
  state: unknown;
  /** The id of the session that the call may create. */
  session: string;
  /** The session of the round. */
  worked: string | null;
}

function endingOf(result: Settled): CallEnding {
  const outcome = outcomeOfResult(result);
  const first = result.isError === true ? (result as CallToolResult).content[0] : undefined;
  return { outcome, reason: first?.type === "text" ? first.text : undefined };
}

/** The ending of a call that gets an error in place of a result. */
const faultOf = (error: unknown): CallEnding =>
  error instanceof RequestError
    ? { outcome: error.code, reason: error.advice }
    : { outcome: "error", reason: (error as Error).message };

/** One line per issue: the field and the expected value. */
const faults = (issues: readonly StandardSchemaV1.Issue[]): string =>
  issues.map((issue) => `- ${fieldOf(issue) || "arguments"}: ${issue.message}`).join("\n");

/** True for an error that the request gets in place of a result. A user's own tool may throw the SDK's. */
const isOfRequest = (error: unknown): boolean =>
  error instanceof ProtocolError ||
  (error instanceof RequestError && error.code === "invalid_params");

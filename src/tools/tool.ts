// The definition of tools with `defineTool`. Built-in tools use it too; there is no second, private way.
import type {
  CallToolResult,
  Icon,
  InputRequiredResult,
  Tool as WireTool,
  ToolAnnotations,
} from "@modelcontextprotocol/server";
import type { z } from "zod";
import type { Scope } from "../auth/principal.ts";
import type { Toolset } from "../config/toolsets.ts";
import { ToolMistake } from "../definitions/mistake.ts";
import type {
  JsonObjectSchema,
  ObjectSchema,
  OutputOf,
  PreparedSchema,
} from "../definitions/schema.ts";
import type { TaskHandle } from "../tasks/handle.ts";
import { readDefinition, type ResponseForm } from "./definition.ts";
import type { HeaderParameter } from "./header-parameters.ts";
import { takesRequestKey } from "./request-key.ts";
import type { Settled } from "./results.ts";
import type { Call, SessionPolicy, TaskMode, ToolContext, ToolResult } from "./session/context.ts";
import { withSession } from "./session/with-session.ts";

export interface ToolSpec<
  Input extends ObjectSchema,
  Policy extends SessionPolicy,
  Output extends ObjectSchema | undefined = undefined,
  Task extends TaskMode | undefined = undefined,
> {
  name: string;
  title?: string;
  /** Tells a model when to call the tool. */
  description: string;
  /** Arguments: `z.object({ … })`, another Standard Schema or a JSON Schema; the argument `session` is added. */
  input?: Input;
  /** Schema to advertise in place of `input`, for keywords that zod does not know; `input` still validates. */
  inputSchema?: JsonObjectSchema;
  /** Shape of `structuredContent`; `session` is added. */
  output?: Output;
  annotations?: ToolAnnotations;
  icons?: Icon[];
  _meta?: Record<string, unknown>;
  /** The need for a session when the call names none; may depend on the arguments. Default: `required`. */
  session?: Policy | ((input: OutputOf<Input>) => Policy);
  /**
   * Form of the answer. `json`: plain JSON, for a tool that waits on nothing outside this process. `stream`, the
   * default: a stream that can be resumed.
   */
  response?: ResponseForm;
  /** @deprecated `true` means `response: "json"`. */
  quick?: boolean;
  /** The scope that a caller needs over HTTP. Default: `read` with `readOnlyHint`, else `write`. */
  scope?: Scope;
  /** The toolset in which `tools/list` shows the tool. Default: all of them. */
  toolset?: Toolset;
  /** Maximum duration of a call, in milliseconds; then its signal aborts and the caller gets an error. */
  timeoutMs?: number;
  /** True for a tool that only deletes: a call with a request key then works even on a full disk. Default: false. */
  frees?: boolean;
  /**
   * True for a tool that deletes the session of the call: a call that is repeated with its request key then gets the outcome of
   * the first, although the session is gone. Default: false.
   */
  deletesSession?: boolean;
  /**
   * Makes a call a task, which outlives its request and the process. `required`: always; `optional`: where the caller can take
   * one, or the call takes longer than the setting `task-after`; may depend on the arguments.
   */
  task?: Task | ((input: OutputOf<Input>) => TaskMode | undefined);
  /** Runs before a task begins. A question that it returns (`inputRequired(…)`) is asked first, and its answers go on. */
  prepare?(
    context: ToolContext<OutputOf<Input>, Policy>,
  ):
    | InputRequiredResult
    | CallToolResult
    | void
    | Promise<InputRequiredResult | CallToolResult | void>;
  handler(
    context: ToolContext<OutputOf<Input>, Policy> & TaskArgument<Task>,
  ): ToolResult<Output> | Promise<ToolResult<Output>>;
}

/** The argument `task`: undefined in a call that is none. */
type TaskArgument<Task> = Task extends TaskMode
  ? { task: TaskHandle }
  : { task?: TaskHandle | undefined };

/** A tool that is ready for registration. */
export interface Tool {
  readonly name: string;
  /** The tool as `tools/list` shows it. */
  readonly wire: WireTool;
  /** The arguments that clients repeat in HTTP headers. */
  readonly headers: readonly HeaderParameter[];
  readonly annotations: ToolAnnotations;
  readonly response: ResponseForm;
  readonly scope: Scope;
  readonly toolset: Toolset | undefined;
  /** True if arguments and result name the session of the call. */
  readonly namesSession: boolean;
  /** True if the argument `request_key` carries the call's request key. */
  readonly takesRequestKey: boolean;
  /** True if the tool only deletes. */
  readonly frees: boolean;
  /** True if the tool deletes the session of the call. */
  readonly deletesSession: boolean;
  /** True if its calls may be tasks. */
  readonly isTask: boolean;
  /** Schema of the arguments without `session`. */
  readonly input: PreparedSchema;
  run(call: Call): Promise<Settled>;
}

const TOOL = Symbol.for("holdfast/tool");

/** @throws TypeError that names the tool and the field, for a definition that cannot work or that MCP forbids */
export function defineTool<
  Input extends ObjectSchema = z.ZodObject<Record<never, never>>,
  Policy extends SessionPolicy = "required",
  Output extends ObjectSchema | undefined = undefined,
  Task extends TaskMode | undefined = undefined,
>(spec: ToolSpec<Input, Policy, Output, Task>): Tool {
  const { wire, headers, input, output, response, scope, toolset, ...more } = readDefinition(spec);
  const { timeoutMs, frees, deletesSession, session, handler, task, prepare } = more;
  const tool: Tool = {
    name: wire.name,
    wire,
    headers,
    annotations: wire.annotations ?? {},
    response,
    scope,
    toolset,
    namesSession: session !== "none",
    takesRequestKey: takesRequestKey(spec.input),
    frees,
    deletesSession,
    isTask: task !== undefined,
    input,
    run: withSession(
      session as Policy | ((input: OutputOf<Input>) => Policy),
      (context: ToolContext<OutputOf<Input>, Policy>) => handler.call(spec, context) as ToolResult,
      {
        ...{ output, timeoutMs, task: modeOf(task) },
        prepare: prepare && ((context) => prepare.call(spec, context)),
      },
    ),
  };
  return Object.freeze(Object.assign(tool, { [TOOL]: true }));
}

function modeOf(task: unknown): ((input: unknown) => TaskMode | undefined) | undefined {
  if (task === undefined) return undefined;
  return (input) => {
    const mode: unknown =
      typeof task === "function" ? (task as (input: unknown) => unknown)(input) : task;
    if (mode === undefined || mode === "optional" || mode === "required") return mode;
    throw new ToolMistake("task", "its function gives optional, required or nothing");
  };
}

/** True if a value, such as a module's export, is a tool. */
export const isTool = (value: unknown): value is Tool =>
  typeof value === "object" && value !== null && TOOL in value;

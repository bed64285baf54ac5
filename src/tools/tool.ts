// How a tool is written: `defineTool`. Built-in tools are written with it too; there is no second, private way.
import type { Icon, Tool as WireTool, ToolAnnotations } from "@modelcontextprotocol/server";
import type { z } from "zod";
import type { Scope } from "../auth/principal.ts";
import type { Toolset } from "../config/toolsets.ts";
import type { Call, SessionPolicy, ToolContext, ToolResult } from "./session/context.ts";
import { readDefinition } from "./definition.ts";
import type { HeaderParameter } from "./header-parameters.ts";
import { takesRequestKey } from "./request-key.ts";
import type { Settled } from "./results.ts";
import type {
  JsonObjectSchema,
  ObjectSchema,
  OutputOf,
  PreparedSchema,
} from "../definitions/schema.ts";
import { withSession } from "./session/with-session.ts";

export interface ToolSpec<
  Input extends ObjectSchema,
  Policy extends SessionPolicy,
  Output extends ObjectSchema | undefined = undefined,
> {
  name: string;
  title?: string;
  /** Tells a model when to call it. */
  description: string;
  /** Arguments: `z.object({ … })`, another Standard Schema or a JSON Schema; the argument `session` is added. */
  input?: Input;
  /** Advertised instead of what `input` says, for keywords that zod does not know; `input` still decides. */
  inputSchema?: JsonObjectSchema;
  /** Shape of `structuredContent`; `session` is added. */
  output?: Output;
  annotations?: ToolAnnotations;
  icons?: Icon[];
  _meta?: Record<string, unknown>;
  /** What it wants where nothing gives a session; it may depend on the arguments. Default: `required`. */
  session?: Policy | ((input: OutputOf<Input>) => Policy);
  /** Waits on nothing outside this process: answered as plain JSON instead of a stream. */
  quick?: boolean;
  /** What a caller must be allowed to do over HTTP. Default: `read` with `readOnlyHint`, else `write`. */
  scope?: Scope;
  /** With which toolset `tools/list` shows it. Default: with every one. */
  toolset?: Toolset;
  /** How long a call may take, in milliseconds: then its signal is aborted, and its caller is told. */
  timeoutMs?: number;
  handler(
    context: ToolContext<OutputOf<Input>, Policy>,
  ): ToolResult<Output> | Promise<ToolResult<Output>>;
}

/** A tool that is ready to be registered. */
export interface Tool {
  readonly name: string;
  /** As `tools/list` shows it. */
  readonly wire: WireTool;
  /** The arguments that callers repeat in HTTP headers. */
  readonly headers: readonly HeaderParameter[];
  readonly annotations: ToolAnnotations;
  readonly quick: boolean;
  readonly scope: Scope;
  readonly toolset: Toolset | undefined;
  /** Whether its arguments and its result name the session of the call. */
  readonly namesSession: boolean;
  /** Whether the argument `request_key` stands for the call's request key. */
  readonly takesRequestKey: boolean;
  /** Of the arguments but `session`. */
  readonly input: PreparedSchema;
  run(call: Call): Promise<Settled>;
}

const TOOL = Symbol.for("holdfast/tool");

/** @throws TypeError that names the tool and the field, for a definition that cannot work or that MCP forbids */
export function defineTool<
  Input extends ObjectSchema = z.ZodObject<Record<never, never>>,
  Policy extends SessionPolicy = "required",
  Output extends ObjectSchema | undefined = undefined,
>(spec: ToolSpec<Input, Policy, Output>): Tool {
  const { wire, headers, input, output, quick, scope, toolset, timeoutMs, session, handler } =
    readDefinition(spec);
  const tool: Tool = {
    name: wire.name,
    wire,
    headers,
    annotations: wire.annotations ?? {},
    quick,
    scope,
    toolset,
    namesSession: session !== "none",
    takesRequestKey: takesRequestKey(spec.input),
    input,
    run: withSession(
      session as Policy | ((input: OutputOf<Input>) => Policy),
      (context: ToolContext<OutputOf<Input>, Policy>) => handler.call(spec, context) as ToolResult,
      { output, timeoutMs },
    ),
  };
  return Object.freeze(Object.assign(tool, { [TOOL]: true }));
}

/** Whether a value, such as a module's export, is a tool. */
export const isTool = (value: unknown): value is Tool =>
  typeof value === "object" && value !== null && TOOL in value;

// How a tool is written: `defineTool`. Built-in tools are written with it too; there is no second, private way.
import type { CallToolResult, LoggingLevel, ToolAnnotations } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Principal } from "../auth/principal.ts";
import type { Client } from "../sessions/session.ts";
import type { OwnSessions } from "./own-sessions.ts";
import type { SessionHandle } from "./session-handle.ts";
import { withSession, type Call } from "./with-session.ts";

/**
 * What a tool wants when nothing names a session (2026 era, no name in the address):
 * `required` refuses with a way out, `created` opens a new one, `optional` runs without.
 */
export type SessionPolicy = "required" | "created" | "optional";

/** What a handler is given. Everything in it is already limited to what the caller may see. */
export interface ToolContext<Input, Policy extends SessionPolicy = "required"> {
  input: Input;
  /** The session of this call: its state and its history are durable when their promises resolve. */
  session: Policy extends "optional" ? SessionHandle | undefined : SessionHandle;
  /** The caller's other sessions. */
  sessions: OwnSessions;
  principal: Principal;
  /** The program that calls, as it introduced itself (2025 era). */
  client: Client | undefined;
  /** Aborted when the caller cancels. */
  signal: AbortSignal;
  /** Reports progress, if the caller asked for it; `progress` must grow from call to call. */
  progress(progress: number, total?: number, message?: string): Promise<void>;
  /** Sends a log message to the caller, if it wants that level. */
  log(level: LoggingLevel, data: unknown): Promise<void>;
}

/** A text; or a value that becomes `structuredContent` with a JSON rendering; or the whole MCP result. */
export type ToolResult = string | CallToolResult | Record<string, unknown>;

export interface ToolSpec<Input extends z.ZodObject, Policy extends SessionPolicy> {
  name: string;
  title?: string;
  /** Tells a model when to call it. */
  description: string;
  /** Arguments; the argument `session` is added. */
  input?: Input;
  /** Shape of `structuredContent`; `session` is added. */
  output?: z.ZodObject;
  annotations?: ToolAnnotations;
  session?: Policy;
  /** Waits on nothing outside this process: answered as plain JSON instead of a stream. */
  quick?: boolean;
  handler(context: ToolContext<z.output<Input>, Policy>): ToolResult | Promise<ToolResult>;
}

/** A tool that is ready to be registered. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: z.ZodObject;
  readonly output: z.ZodObject | undefined;
  readonly annotations: ToolAnnotations;
  readonly quick: boolean;
  run(call: Call): Promise<ToolResult>;
}

const sessionArgument = z
  .string()
  .optional()
  .describe("Id of the session to work in. Default: the session of this connection.");

const sessionResult = z.string().nullable().describe("Id of the session that this call worked in.");

/** @throws TypeError for a definition that cannot work */
export function defineTool<
  Input extends z.ZodObject = z.ZodObject<Record<never, never>>,
  Policy extends SessionPolicy = "required",
>(spec: ToolSpec<Input, Policy>): Tool {
  const { name, description, input = z.object({}), output, annotations = {}, quick = false } = spec;
  if (!/^[A-Za-z0-9_.-]{1,128}$/.test(name)) {
    throw new TypeError(
      `Tool ${JSON.stringify(name)}: a name has 1 to 128 letters, digits, dots, dashes or underscores.`,
    );
  }
  for (const schema of [input, output]) {
    if (schema && "session" in schema.shape)
      throw new TypeError(`Tool ${name}: "session" is added by Holdfast.`);
  }
  const title = spec.title ?? titleOf(name);
  return Object.freeze({
    name,
    title,
    description,
    input: input.extend({ session: sessionArgument }),
    output: output?.extend({ session: sessionResult }),
    annotations: { title, ...annotations },
    quick,
    run: withSession(
      (spec.session ?? "required") as Policy,
      (context: ToolContext<z.output<Input>, Policy>) => spec.handler(context),
    ),
  });
}

/** `state_get` reads "State get". */
const titleOf = (name: string): string => {
  const words = name.replace(/[_.-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

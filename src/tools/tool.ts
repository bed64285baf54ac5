// How a tool is written: `defineTool`. Built-in tools are written with it too; there is no second, private way.
import type { ToolAnnotations } from "@modelcontextprotocol/server";
import { z } from "zod";
import { optionalText } from "./arguments.ts";
import type { Call, SessionPolicy, ToolContext, ToolResult } from "./context.ts";
import { withSession } from "./with-session.ts";

/** A JSON Schema (2020-12) of an object. */
export type JsonObjectSchema = { type: "object"; properties?: Record<string, object> } & Record<
  string,
  unknown
>;

export interface ToolSpec<Input extends z.ZodObject, Policy extends SessionPolicy> {
  name: string;
  title?: string;
  /** Tells a model when to call it. */
  description: string;
  /** Arguments; the argument `session` is added. */
  input?: Input;
  /** Advertised instead of what `input` says, for keywords that zod does not know; `input` still decides. */
  inputSchema?: JsonObjectSchema;
  /** Shape of `structuredContent`; `session` is added. */
  output?: z.ZodObject;
  annotations?: ToolAnnotations;
  /** What it wants when nothing names a session; it may depend on the arguments. Default: `required`. */
  session?: Policy | ((input: z.output<Input>) => Policy);
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
  readonly inputSchema: JsonObjectSchema | undefined;
  readonly output: z.ZodObject | undefined;
  readonly annotations: ToolAnnotations;
  readonly quick: boolean;
  run(call: Call): Promise<ToolResult>;
}

const sessionArgument = optionalText(
  "Id of the session to work in. Default: the session of this connection.",
);

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
    if (schema === undefined) continue;
    // In JavaScript nothing else has looked at it.
    if (typeof (schema as { shape?: unknown } | null)?.shape !== "object")
      throw new TypeError(`Tool ${name}: input and output are z.object({ … }).`);
    if ("session" in schema.shape)
      throw new TypeError(`Tool ${name}: "session" is added by Holdfast.`);
  }
  if (typeof description !== "string" || typeof spec.handler !== "function")
    throw new TypeError(`Tool ${name}: a description and a handler are needed.`);
  const title = spec.title ?? titleOf(name);
  return Object.freeze({
    name,
    title,
    description,
    input: input.extend({ session: sessionArgument }),
    inputSchema: spec.inputSchema,
    output: output?.extend({ session: sessionResult }),
    annotations: { title, ...annotations },
    quick,
    run: withSession(
      (spec.session ?? "required") as Policy | ((input: z.output<Input>) => Policy),
      (context: ToolContext<z.output<Input>, Policy>) => spec.handler(context),
    ),
  });
}

/** Whether a value, such as a module's export, is a tool. */
export const isTool = (value: unknown): value is Tool =>
  typeof value === "object" &&
  value !== null &&
  "run" in value &&
  typeof value.run === "function" &&
  "input" in value &&
  "name" in value;

/** `state_get` reads "State get". */
const titleOf = (name: string): string => {
  const words = name.replace(/[_.-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

// Defines prompts: `definePrompt`. Built-in prompts use it too; there is no second, private way.
import type { Icon, Prompt as WirePrompt } from "@modelcontextprotocol/server";
import type { z } from "zod";
import type { Scope } from "../auth/principal.ts";
import { type Complete, type CompletionContext, completions } from "../definitions/completions.ts";
import {
  about,
  checkWire,
  readFields,
  readFunction,
  readName,
  readScope,
  refuseUnknown,
} from "../definitions/fields.ts";
import type { RequestContext } from "../definitions/request.ts";
import {
  type JsonObjectSchema,
  type ObjectSchema,
  type OutputOf,
  type PreparedSchema,
  prepareSchema,
} from "../definitions/schema.ts";
import type { Suggestions } from "../protocol/completion.ts";
import type { Caller } from "../sessions/session.ts";
import { type PromptResult, type Rendered, settlePrompt } from "./results.ts";

/** The request for a prompt, with the answers to an earlier round's `inputRequired(…)`. */
export interface PromptContext<Args = Readonly<Record<string, string>>> extends RequestContext {
  args: Args;
  /** The caller, with the session of its address or program. */
  caller: Caller;
  inputResponses: Readonly<Record<string, unknown>> | undefined;
  requestState<T = unknown>(): T | undefined;
}

export interface PromptSpec<Args extends ObjectSchema> {
  name: string;
  title?: string;
  description?: string;
  /** Schema of texts: `z.object({ … })`, another Standard Schema or a JSON Schema. MCP has no other arguments. */
  arguments?: Args;
  /** Suggestions by argument. */
  complete?: Readonly<Record<string, Complete>>;
  icons?: Icon[];
  _meta?: Record<string, unknown>;
  /** Scope that a caller needs. Default: `read`. */
  scope?: Scope;
  handler(context: PromptContext<OutputOf<Args>>): PromptResult | Promise<PromptResult>;
}

/** A prompt that is ready to be registered. */
export interface Prompt {
  readonly name: string;
  /** Entry in `prompts/list`. */
  readonly wire: WirePrompt;
  readonly scope: Scope;
  readonly arguments: PreparedSchema;
  complete(argument: string, value: string, context: CompletionContext): Promise<Suggestions>;
  /** Render the prompt; `args` of the context are checked. */
  render(context: PromptContext<unknown>): Promise<Rendered>;
}

const PROMPT = Symbol.for("holdfast/prompt");
const FIELDS = [
  ...["title", "description", "arguments", "complete", "icons", "_meta", "scope", "handler"],
];

/** @throws TypeError that names the prompt and the field, for a definition that cannot work or that MCP forbids */
export function definePrompt<Args extends ObjectSchema = z.ZodObject<Record<never, never>>>(
  definition: PromptSpec<Args>,
): Prompt {
  const { spec, name } = readName(definition, "Prompt");
  const whose = `Prompt ${name}`;
  refuseUnknown(spec, whose, ["name", ...FIELDS]);
  const { title, description, icons, _meta, ...given } = readFields(spec, whose, FIELDS);
  type Handler = PromptSpec<ObjectSchema>["handler"];
  const handler = readFunction(whose, "handler", given["handler"]) as Handler | undefined;
  if (handler === undefined) throw new TypeError(`${whose}: handler: it is needed.`);
  const schema = about(whose, "arguments", () =>
    prepareSchema(given["arguments"] ?? { type: "object" }, "input"),
  );
  const complete = completions(whose, given["complete"], Object.keys(schema.json.properties ?? {}));
  const wire = checkWire<WirePrompt>(whose, "Prompt", {
    name,
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    arguments: about(whose, "arguments", () => argumentsOf(schema.json)),
    ...(icons !== undefined && { icons }),
    ...(_meta !== undefined && { _meta }),
  });
  const prompt: Prompt = {
    name,
    wire,
    scope: readScope(whose, given["scope"]) ?? "read",
    arguments: schema,
    complete: async (argument, value, context) =>
      (await complete.get(argument)?.call(spec, value, context)) ?? [],
    render: async (context) =>
      settlePrompt(wire, await handler.call(spec as never, context as never)),
  };
  return Object.freeze(Object.assign(prompt, { [PROMPT]: true }));
}

/** True if a value, such as a module's export, is a prompt. */
export const isPrompt = (value: unknown): value is Prompt =>
  typeof value === "object" && value !== null && PROMPT in value;

/** @throws TypeError for an argument that is no text: clients send nothing else */
function argumentsOf({ properties = {}, required = [] }: JsonObjectSchema) {
  return Object.entries(properties).map(([name, property]) => {
    const { type, description, title } = property as Record<string, unknown>;
    if (type !== undefined && type !== "string")
      throw new TypeError(`${name}: a prompt's arguments are texts; begin with z.string()`);
    return {
      name,
      ...(title !== undefined && { title }),
      ...(description !== undefined && { description }),
      ...((required as string[]).includes(name) && { required: true }),
    };
  });
}

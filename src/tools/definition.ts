// Reads and checks a tool's definition, once: clients refuse a whole list for one tool that MCP forbids.
import type { Tool as WireTool } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Scope } from "../auth/principal.ts";
import { type Toolset, TOOLSETS } from "../config/toolsets.ts";
import {
  about,
  checkWire,
  readFields,
  readName,
  readScope,
  refuseMisspelt,
  refuseUnknown,
  titleOf,
} from "../definitions/fields.ts";
import {
  checkSchema,
  compile,
  isStandard,
  type JsonObjectSchema,
  type PreparedSchema,
  prepareSchema,
} from "../definitions/schema.ts";
import { type HeaderParameter, headerParameters } from "./header-parameters.ts";
import { POLICIES } from "./session/with-session.ts";

/** Form of the answers to a tool's calls. */
export type ResponseForm = "json" | "stream";

export interface Definition {
  wire: WireTool;
  headers: readonly HeaderParameter[];
  input: PreparedSchema;
  output: PreparedSchema | undefined;
  response: ResponseForm;
  scope: Scope;
  toolset: Toolset | undefined;
  timeoutMs: number | undefined;
  frees: boolean;
  deletesSession: boolean;
  session: unknown;
  /** `optional`, `required`, or a function. */
  task: unknown;
  prepare: ((context: unknown) => unknown) | undefined;
  handler(context: unknown): unknown;
}

const FIELDS = [
  ...[
    "description",
    "handler",
    "title",
    "response",
    "quick",
    "session",
    "annotations",
    "icons",
    "_meta",
  ],
  ...["input", "inputSchema", "output", "scope", "toolset", "timeoutMs", "frees", "deletesSession"],
  ...["task", "prepare"],
];
const ANNOTATIONS = [
  ...["title", "readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"],
];
const TASK_MODES: readonly unknown[] = ["optional", "required"];

/** Maximum delay of a timer in Node. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

const SESSION_ARGUMENT = { type: "string", description: "Session id. Default: the current one." };
const SESSION_RESULT = { anyOf: [{ type: "string" }, { type: "null" }] };

/** @throws TypeError that names the tool and the field */
export function readDefinition(definition: unknown): Definition {
  const { spec, name } = readName(definition, "Tool");
  const whose = `Tool ${name}`;
  refuseUnknown(spec, whose, ["name", ...FIELDS]);
  const given = readFields(spec, whose, FIELDS);
  const { description, handler, title = titleOf(name), quick } = given;
  const { toolset, timeoutMs, session = "required" } = given;
  const { annotations, icons, _meta } = given;
  about(whose, "annotations", () => refuseMisspelt(annotations, ANNOTATIONS));
  if (typeof description !== "string" || typeof handler !== "function")
    throw new TypeError(`${whose}: a description and a handler are needed.`);
  if (quick !== undefined && typeof quick !== "boolean")
    throw new TypeError(`${whose}: quick: expected true or false.`);
  const response = given["response"] ?? (quick === true ? "json" : "stream");
  if (response !== "json" && response !== "stream")
    throw new TypeError(`${whose}: response: expected json or stream.`);
  if (typeof session !== "function" && !POLICIES.includes(session))
    throw new TypeError(
      `${whose}: session: expected one of ${POLICIES.join(", ")}, or a function.`,
    );

  const { task, prepare } = given;
  if (task !== undefined && typeof task !== "function" && !TASK_MODES.includes(task))
    throw new TypeError(`${whose}: task: expected one of ${TASK_MODES.join(", ")}, or a function.`);
  if (prepare !== undefined && (typeof prepare !== "function" || task === undefined))
    throw new TypeError(`${whose}: prepare: expected a function, for a tool with \`task\`.`);

  const scope = readScope(whose, given["scope"]);
  if (toolset !== undefined && !TOOLSETS.includes(toolset as Toolset))
    throw new TypeError(`${whose}: toolset: expected one of ${TOOLSETS.join(", ")}.`);
  if (timeoutMs !== undefined && !isTimeout(timeoutMs))
    throw new TypeError(
      `${whose}: timeoutMs: expected a whole number from 1 to ${MAX_TIMEOUT_MS}.`,
    );

  const shown =
    given["inputSchema"] === undefined
      ? undefined
      : about(whose, "inputSchema", () => advertised(given["inputSchema"]));
  const input = about(whose, "input", () =>
    withoutSession(prepareSchema(given["input"] ?? shown ?? z.object({}), "input")),
  );
  const output =
    given["output"] === undefined
      ? undefined
      : about(whose, "output", () => withoutSession(prepareSchema(given["output"], "output")));
  const alone = session === "none";
  const asked = shown ?? input.json;
  const wire = checkWire<WireTool>(whose, "Tool", {
    name,
    title,
    description,
    inputSchema: alone ? asked : besideSession(asked, SESSION_ARGUMENT),
    ...(output && {
      outputSchema: alone ? output.json : besideSession(output.json, SESSION_RESULT, ["session"]),
    }),
    ...(annotations !== undefined && { annotations }),
    ...(icons !== undefined && { icons }),
    ...(_meta !== undefined && { _meta }),
  });
  const headers = headerParameters(name, wire.inputSchema);
  return {
    scope: scope ?? (wire.annotations?.readOnlyHint ? "read" : "write"),
    toolset: toolset as Toolset | undefined,
    timeoutMs,
    frees: readFlag(whose, "frees", given["frees"]),
    deletesSession: readFlag(whose, "deletesSession", given["deletesSession"]),
    wire,
    headers,
    input,
    output,
    response,
    session,
    task,
    prepare: prepare as Definition["prepare"],
    handler: handler as Definition["handler"],
  };
}

function readFlag(whose: string, field: string, value: unknown = false): boolean {
  if (typeof value === "boolean") return value;
  throw new TypeError(`${whose}: ${field}: expected true or false.`);
}

function advertised(schema: unknown): JsonObjectSchema {
  if (isStandard(schema)) throw new TypeError("expected a JSON Schema; this one goes into `input`");
  const checked = checkSchema(schema);
  compile(checked);
  refuseSession(checked);
  return checked;
}

function withoutSession(schema: PreparedSchema): PreparedSchema {
  refuseSession(schema.json);
  return schema;
}

/** @throws TypeError */
function refuseSession({ properties = {} }: JsonObjectSchema): void {
  if ("session" in properties) throw new TypeError('"session" is added by Holdfast');
}

const isTimeout = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_TIMEOUT_MS;

const besideSession = (
  { properties, required, ...schema }: JsonObjectSchema,
  session: object,
  needed: readonly string[] = [],
): JsonObjectSchema => ({
  ...schema,
  properties: { ...properties, session },
  ...((required !== undefined || needed.length > 0) && {
    required: [...((required ?? []) as string[]), ...needed],
  }),
});

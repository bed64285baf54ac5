// Reads the definition of a tool and checks all of it, once: clients refuse a whole list for one tool that MCP forbids.
import { specTypeSchemas, type Tool as WireTool } from "@modelcontextprotocol/server";
import { z } from "zod";
import { SCOPES, type Scope } from "../auth/principal.ts";
import { findJsonFault, told } from "../kernel/json-fault.ts";
import { TOOLSETS, type Toolset } from "../kernel/toolsets.ts";
import { headerParameters, type HeaderParameter } from "./header-parameters.ts";
import {
  checkSchema,
  compile,
  fieldOf,
  prepareSchema,
  type JsonObjectSchema,
  type PreparedSchema,
} from "./schema.ts";
import { POLICIES } from "./with-session.ts";

export interface Definition {
  wire: WireTool;
  headers: readonly HeaderParameter[];
  input: PreparedSchema;
  output: PreparedSchema | undefined;
  quick: boolean;
  scope: Scope;
  toolset: Toolset | undefined;
  timeoutMs: number | undefined;
  session: unknown;
  handler(context: unknown): unknown;
}

const FIELDS = [
  ...["description", "handler", "title", "quick", "session", "annotations", "icons", "_meta"],
  ...["input", "inputSchema", "output", "scope", "toolset", "timeoutMs"],
];
/** The longest that a timer of Node takes. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

const SESSION_ARGUMENT = { type: "string", description: "Session id. Default: the current one." };
const SESSION_RESULT = { anyOf: [{ type: "string" }, { type: "null" }] };

/** @throws TypeError that names the tool and the field */
export function readDefinition(spec: unknown): Definition {
  if (typeof spec !== "object" || spec === null)
    throw new TypeError("defineTool: expected { name, description, handler, … }.");
  const { name } = read(spec, "A tool", ["name"]);
  if (typeof name !== "string" || !/^[A-Za-z0-9_.-]{1,128}$/.test(name)) {
    const shown = typeof name === "string" ? JSON.stringify(name) : told(name);
    throw new TypeError(
      `Tool ${shown}: a name has 1 to 128 letters, digits, dots, dashes or underscores.`,
    );
  }
  const whose = `Tool ${name}`;
  const given = read(spec, whose, FIELDS);
  const { description, handler, title = titleOf(name), quick = false } = given;
  const { scope, toolset, timeoutMs, session = "required", annotations, icons, _meta } = given;
  if (typeof description !== "string" || typeof handler !== "function")
    throw new TypeError(`${whose}: a description and a handler are needed.`);
  if (typeof quick !== "boolean") throw new TypeError(`${whose}: quick: expected true or false.`);
  if (typeof session !== "function" && !POLICIES.includes(session))
    throw new TypeError(
      `${whose}: session: expected one of ${POLICIES.join(", ")}, or a function.`,
    );

  if (scope !== undefined && !SCOPES.includes(scope as Scope))
    throw new TypeError(`${whose}: scope: expected one of ${SCOPES.join(", ")}.`);
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
    prepareSchema(given["input"] ?? shown ?? z.object({}), "input"),
  );
  const output =
    given["output"] === undefined
      ? undefined
      : about(whose, "output", () => prepareSchema(given["output"], "output"));
  const alone = session === "none";
  const asked = shown ?? input.json;
  const wire = checkWire(whose, {
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
    scope: (scope as Scope) ?? (wire.annotations?.readOnlyHint ? "read" : "write"),
    toolset: toolset as Toolset | undefined,
    timeoutMs,
    wire,
    headers,
    input,
    output,
    quick,
    session,
    handler: handler as Definition["handler"],
  };
}

function advertised(schema: unknown): JsonObjectSchema {
  const checked = checkSchema(schema);
  compile(checked);
  return checked;
}

const isTimeout = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_TIMEOUT_MS;

/** Each field once: a getter may throw, and may tell something else the next time. */
function read(spec: object, whose: string, fields: readonly string[]): Record<string, unknown> {
  const field = (name: string): unknown =>
    about(whose, name, () => spec[name as keyof typeof spec] as unknown);
  return Object.fromEntries(fields.map((name) => [name, field(name)]));
}

/** What `act` gives; what it throws names the tool and the field. */
function about<T>(whose: string, field: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const reason = error instanceof TypeError ? error.message : `reading it threw ${told(error)}`;
    throw new TypeError(`${whose}: ${field}: ${reason}.`, { cause: error });
  }
}

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

/** As `tools/list` will have it: a copy that is valid for every client. */
function checkWire(whose: string, wire: Record<string, unknown>): WireTool {
  const fault = findJsonFault(wire);
  if (fault)
    throw new TypeError(`${whose}: ${fault.path}: expected JSON, received ${fault.received}.`);
  const copy: unknown = JSON.parse(JSON.stringify(wire));
  const { issues: [issue] = [] } = specTypeSchemas.Tool["~standard"].validate(copy);
  if (issue) throw new TypeError(`${whose}: ${fieldOf(issue)}: ${issue.message}.`);
  return copy as WireTool;
}

/** `state_get` reads "State get". */
const titleOf = (name: string): string => {
  const words = name.replace(/[_.-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

// Schemas of the arguments and the result of a tool or a prompt: a zod object, a Standard Schema with a JSON Schema, or
// a plain JSON Schema. Each becomes a JSON Schema to show and a function that checks.
import {
  fromJsonSchema,
  type StandardSchemaV1,
  type StandardSchemaWithJSON,
} from "@modelcontextprotocol/server";
import type { z } from "zod";
import { describeFault, findJsonFault } from "../lib/json/json-fault.ts";
import { isObject } from "../lib/json/objects.ts";
import { describe as describeZod } from "./json-schema.ts";

/** A JSON Schema (2020-12) of an object. */
export type JsonObjectSchema = { type: "object"; properties?: Record<string, object> } & Record<
  string,
  unknown
>;

export type ObjectSchema = StandardSchemaV1 | JsonObjectSchema;

/** Type of a handler's arguments under this schema. */
export type OutputOf<Schema> = Schema extends StandardSchemaV1
  ? StandardSchemaV1.InferOutput<Schema>
  : Record<string, unknown>;

/** Type of a handler's result under this schema. */
export type InputOf<Schema> = Schema extends StandardSchemaV1
  ? StandardSchemaV1.InferInput<Schema>
  : Record<string, unknown>;

export type Checked = StandardSchemaV1.Result<unknown>;

export interface PreparedSchema {
  readonly json: JsonObjectSchema;
  readonly check: (value: unknown) => Checked | Promise<Checked>;
}

/** @throws TypeError with the reason, for a schema that cannot be shown or checked */
export function prepareSchema(schema: unknown, io: "input" | "output"): PreparedSchema {
  if (!isStandard(schema)) return preparePlain(schema);
  const json = checkSchema(describe(schema, io));
  // Skip compiling for zod: its schemas are valid, unless a pattern needs JavaScript without the flag `u`.
  if (!isZod(schema) || JSON.stringify(json).includes('"pattern"')) compile(json);
  return { json, check: (value) => schema["~standard"].validate(value) };
}

function preparePlain(schema: unknown): PreparedSchema {
  const json = checkSchema(schema);
  const { validate } = compile(json)["~standard"];
  const check = async (value: unknown): Promise<Checked> => {
    const checked = await validate(withoutPrototypes(value));
    if (!checked.issues) return { value };
    const rest = withoutBlank(value, json); // drop all blanks, because this validator does not name the faulty field
    return (await validate(withoutPrototypes(rest))).issues ? checked : { value: rest };
  };
  return { json, check };
}

/** Drop null and empty text of optional arguments: models in strict mode send them. */
function withoutBlank(value: unknown, { required = [] }: JsonObjectSchema): unknown {
  const needed = required as readonly string[];
  const given = Object.entries(value as Record<string, unknown>).filter(
    ([name, child]) => needed.includes(name) || (child !== null && child !== ""),
  );
  return Object.fromEntries(given);
}

/** Copy without prototypes: the validator would find `constructor` in every object. */
function withoutPrototypes(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutPrototypes);
  const bare = Object.create(null) as Record<string, unknown>;
  for (const [key, child] of Object.entries(value)) bare[key] = withoutPrototypes(child);
  return bare;
}

/** Path of a fault. */
export const pathOf = ({ path = [] }: StandardSchemaV1.Issue): PropertyKey[] =>
  path.map((key) => (typeof key === "object" ? key.key : key));

/** Path as text, such as `items.0.at`; empty for the whole value. */
export const fieldOf = (issue: StandardSchemaV1.Issue): string =>
  pathOf(issue).map(String).join(".");

export const isZod = (schema: unknown): schema is z.ZodObject =>
  isStandard(schema) && "_zod" in schema && "safeExtend" in schema;

/** Accept functions too: the schemas of some libraries are functions. */
export const isStandard = (schema: unknown): schema is StandardSchemaWithJSON =>
  (typeof schema === "object" || typeof schema === "function") &&
  schema !== null &&
  "~standard" in schema;

/** Advice to the author of a schema that only checks. */
const remedy = (vendor: string): string =>
  vendor === "valibot"
    ? "wrap it in toStandardJsonSchema( … ) of @valibot/to-json-schema"
    : "use a version of it with ~standard.jsonSchema, or give a JSON Schema instead";

/** A JSON Schema without `$schema`: older clients refuse an unknown dialect, and 2020-12 is the default. */
function describe(schema: StandardSchemaWithJSON, io: "input" | "output"): unknown {
  const { jsonSchema, vendor } = schema["~standard"];
  if (vendor !== "zod" && typeof jsonSchema?.[io] !== "function")
    throw new TypeError(`${vendor} tells no JSON Schema of it; ${remedy(vendor)}`);
  if (vendor === "zod" && !("_zod" in schema))
    throw new TypeError(
      "a schema of zod 3 tells no JSON Schema; import zod 4, or give one instead",
    );
  try {
    const described =
      vendor === "zod"
        ? describeZod(schema as never, io)
        : jsonSchema[io]({ target: "draft-2020-12" });
    const { $schema: _, ...rest } = described;
    return rest;
  } catch (error) {
    throw new TypeError(`it has no JSON Schema: ${describeFault(error)}`, { cause: error });
  }
}

/**
 * Copy a schema of an object, so that later changes and getters have no effect.
 * @throws TypeError for a schema that clients refuse, some of them together with the whole list of tools
 */
export function checkSchema(schema: unknown): JsonObjectSchema {
  if (!isObject(schema))
    throw new TypeError('expected z.object({ … }), or a JSON Schema with type: "object"');
  const fault = findJsonFault(schema);
  if (fault) {
    if (
      Object.values(Object.getOwnPropertyDescriptors(schema)).some(({ value }) => isStandard(value))
    )
      throw new TypeError("expected one schema: put these into z.object({ … })");
    const where = fault.path && `${fault.path}: `;
    throw new TypeError(`${where}expected JSON, received ${fault.received}`);
  }
  const copy = JSON.parse(JSON.stringify(schema)) as Record<string, unknown>;
  const { type, properties, required } = copy;
  if (type !== "object")
    throw new TypeError(`type: expected "object", received ${JSON.stringify(type) ?? "nothing"}`);
  if (properties !== undefined) checkProperties(properties);
  if (required !== undefined && !isListOfTexts(required))
    throw new TypeError("required: expected a list of texts");
  return copy as JsonObjectSchema;
}

function checkProperties(properties: unknown): void {
  if (!isObject(properties)) throw new TypeError("properties: expected an object");
  for (const [name, property] of Object.entries(properties))
    if (!isObject(property)) throw new TypeError(`properties.${name}: expected a schema`);
}

/** Compile a schema as clients do: some drop the whole list when one schema fails. */
export function compile(json: JsonObjectSchema): StandardSchemaWithJSON {
  try {
    return fromJsonSchema(json);
  } catch (error) {
    throw new TypeError(`it is no valid JSON Schema: ${describeFault(error)}`, { cause: error });
  }
}

const isListOfTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((entry) => typeof entry === "string");

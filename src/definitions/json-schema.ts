// Spells schemas so that the validators of the large model providers accept them. A provider that does not know one
// keyword refuses all of a program's requests.
import { z } from "zod";
import { isObject } from "../lib/json/objects.ts";

type Schema = Record<string, unknown>;

/** A JSON Schema of an object, without `$schema`: older clients refuse an unknown dialect. */
export function describe(
  schema: z.ZodObject,
  io: "input" | "output",
): { type: "object" } & Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return spelled(rest) as { type: "object" } & Record<string, unknown>;
}

/** Annotations for people and callers: they belong to the whole value, of whichever type. */
const ANNOTATIONS = ["title", "description", "default", "examples", "deprecated"];
/** Keywords whose value holds schemas by name, and keywords whose value is a schema or a list of schemas. */
const NAMED = ["properties", "$defs", "patternProperties"];
const NESTED = ["items", "additionalProperties", "anyOf", "oneOf", "allOf", "not", "prefixItems"];

/**
 * True for keywords that tell a model nothing: calls refuse unknown arguments anyway, results may grow, and integers
 * are exact.
 */
const isNoise = (word: string, value: unknown): boolean =>
  (word === "additionalProperties" && value === false) ||
  (word === "maximum" && value === Number.MAX_SAFE_INTEGER) ||
  (word === "minimum" && value === Number.MIN_SAFE_INTEGER) ||
  (word === "properties" && isObject(value) && Object.keys(value).length === 0);

/** The schema without noise, lists of types, empty schemas, and `propertyNames` that only ask for text. */
function spelled(schema: Schema): Schema {
  const { type, ...rest }: Schema = Object.fromEntries<unknown>(
    Object.entries(schema).flatMap(([word, value]): [string, unknown][] => {
      if (isNoise(word, value)) return [];
      if (word === "propertyNames" && isObject(value) && Object.keys(value).join() === "type")
        return [];
      if (word === "additionalProperties" && isObject(value) && Object.keys(value).length === 0)
        return [[word, true]];
      if (NAMED.includes(word) && isObject(value)) return [[word, eachOf(value, spelled)]];
      return [[word, NESTED.includes(word) ? nested(value) : value]];
    }),
  );
  if (!Array.isArray(type) || "anyOf" in rest) return type === undefined ? rest : { type, ...rest };
  const whole = pick(rest, (word) => ANNOTATIONS.includes(word));
  const each = pick(rest, (word) => !ANNOTATIONS.includes(word));
  return {
    ...whole,
    anyOf: type.map((one: string) => (one === "null" ? { type: one } : { type: one, ...each })),
  };
}

function nested(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(nested);
  return isObject(value) ? spelled(value) : value;
}

const eachOf = (schemas: Schema, change: (schema: Schema) => Schema): Schema =>
  Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name, change(schema as Schema)]),
  );

const pick = (schema: Schema, wanted: (word: string) => boolean): Schema =>
  Object.fromEntries(Object.entries(schema).filter(([word]) => wanted(word)));

const PLAIN = ["string", "number", "boolean", "null"].map((type) => ({ type }));
const OBJECT = { type: "object", additionalProperties: true };
/** Schemas of a list's elements, each with a type. Lists nested more deeply are accepted too. */
const ELEMENT = [...PLAIN, OBJECT, { type: "array", items: { anyOf: [...PLAIN, OBJECT] } }];
/**
 * Schema of objects and lists, a level below the plain types: of a choice with an object, LangChain keeps the object
 * alone.
 */
const CONTAINER = { anyOf: [OBJECT, { type: "array", items: { anyOf: ELEMENT } }] };

/** Schema of any JSON value as an argument. Without its types, programs send the value as text. */
export const jsonArgument = (description: string) =>
  // Avoid z.json(): it would rebuild the value, and lose keys such as __proto__.
  z.unknown().meta({ description, anyOf: [...PLAIN, CONTAINER] });

/** Schema of any JSON value as a result. Clients check results, so it must allow everything that can be stored. */
export const jsonResult = () => z.unknown().meta({ anyOf: [...PLAIN, OBJECT, { type: "array" }] });

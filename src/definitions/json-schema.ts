// How schemas are spelled on the wire: so that the validators of the large model providers take them. All of a program's
// requests are refused for one keyword that its provider does not know.
import { z } from "zod";

type Schema = Record<string, unknown>;

/** A JSON Schema of an object, without `$schema`: older clients refuse a dialect that they do not know. */
export function describe(
  schema: z.ZodObject,
  io: "input" | "output",
): { type: "object" } & Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return spelled(rest) as { type: "object" } & Record<string, unknown>;
}

/** Words for people and callers: they belong to the whole, whichever type a value has. */
const ANNOTATIONS = ["title", "description", "default", "examples", "deprecated"];
/** Keywords that hold schemas by name, and those that hold one or a list. */
const NAMED = ["properties", "$defs", "patternProperties"];
const NESTED = ["items", "additionalProperties", "anyOf", "oneOf", "allOf", "not", "prefixItems"];

/** Says nothing to a model: unknown arguments are refused by the call, and results may grow. Integers are exact anyway. */
const isNoise = (word: string, value: unknown): boolean =>
  (word === "additionalProperties" && value === false) ||
  (word === "maximum" && value === Number.MAX_SAFE_INTEGER) ||
  (word === "minimum" && value === Number.MIN_SAFE_INTEGER) ||
  (word === "properties" && isObject(value) && Object.keys(value).length === 0);

/** The same without noise, lists of types, empty schemas, and names of which nothing is asked but that they are text. */
function spelled(schema: Schema): Schema {
  const { type, ...rest } = Object.fromEntries(
    Object.entries(schema).flatMap(([word, value]) => {
      if (isNoise(word, value)) return [];
      if (word === "propertyNames" && isObject(value) && Object.keys(value).join() === "type")
        return [];
      if (word === "additionalProperties" && isObject(value) && Object.keys(value).length === 0)
        return [[word, true]];
      if (NAMED.includes(word) && isObject(value)) return [[word, eachOf(value, spelled)]];
      return [[word, NESTED.includes(word) ? nested(value) : value]];
    }),
  ) as Schema;
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

const isObject = (value: unknown): value is Schema => typeof value === "object" && value !== null;

const PLAIN = ["string", "number", "boolean", "null"].map((type) => ({ type }));
const OBJECT = { type: "object", additionalProperties: true };
/** An element of a list must have a kind. Deeper lists than the second are taken too. */
const ELEMENT = [...PLAIN, OBJECT, { type: "array", items: { anyOf: [...PLAIN, OBJECT] } }];
/** Objects and lists, a level below the plain kinds: of a choice with an object in it LangChain takes the object alone. */
const CONTAINER = { anyOf: [OBJECT, { type: "array", items: { anyOf: ELEMENT } }] };

/** Any JSON value, as an argument. Without its kinds, programs send it as text. */
export const jsonArgument = (description: string) =>
  // Not z.json(): it would rebuild the value, and lose keys such as __proto__.
  z.unknown().meta({ description, anyOf: [...PLAIN, CONTAINER] });

/** Any JSON value, as a result: clients check results, so it must say no less than what can be stored. */
export const jsonResult = () => z.unknown().meta({ anyOf: [...PLAIN, OBJECT, { type: "array" }] });

// Finds values that JSON cannot hold. `JSON.stringify` changes most of them silently, and throws at the rest without
// saying where.
import { isWrittenNumber } from "./exact-numbers.ts";
import { isPlain } from "./objects.ts";

export interface JsonFault {
  /** Path such as `items.0.at`; empty for the value itself. */
  path: string;
  /** Kind of the value, as in "received a Date". */
  received: string;
}

type Path = readonly (string | number)[];

/** The first part of `value` that JSON would lose or change; undefined when there is none. */
export function findJsonFault(value: unknown): JsonFault | undefined {
  try {
    return visit(value, [], new Set());
  } catch (error) {
    if (error instanceof RangeError)
      return { path: "", received: "a value that is nested too deeply" };
    throw error;
  }
}

/** `within`: the enclosing lists and objects, to find circles. */
function visit(value: unknown, path: Path, within: Set<object>): JsonFault | undefined {
  const received = kindOf(value);
  if (received !== undefined) return { path: path.join("."), received };
  if (typeof value !== "object" || value === null || isWrittenNumber(value)) return undefined;
  if (within.has(value)) return { path: path.join("."), received: "a value that contains itself" };
  within.add(value);
  for (const key of Object.keys(value)) {
    let child: unknown;
    try {
      child = value[key as keyof typeof value];
    } catch (error) {
      return {
        path: [...path, key].join("."),
        received: `a getter that threw (${describeFault(error)})`,
      };
    }
    if (child === undefined && !Array.isArray(value)) continue; // intended: JSON leaves it out
    const fault = visit(child, [...path, key], within);
    if (fault) return fault;
  }
  within.delete(value);
  return undefined;
}

/** The kind of a value that JSON has no form for; undefined for all others. */
function kindOf(value: unknown): string | undefined {
  switch (typeof value) {
    case "undefined":
      return "nothing";
    case "number":
      return Number.isFinite(value) ? undefined : String(value);
    case "bigint":
    case "function":
    case "symbol":
      return `a ${typeof value}`;
    case "object":
      return value === null || Array.isArray(value) || isPlain(value) ? undefined : classOf(value);
    default:
      return undefined;
  }
}

function classOf(value: object): string {
  const name: unknown = value.constructor?.name;
  // An iterator's constructor has no name.
  const [, tag] = /^\[object (.*)\]$/.exec(Object.prototype.toString.call(value))!;
  return withArticle(typeof name === "string" && name !== "" ? name : tag!);
}

/** "an Error", "a Map". */
const withArticle = (name: string): string => `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;

/** Describe a thrown value of any type in a few words. */
export function describeFault(thrown: unknown): string {
  try {
    return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  } catch {
    return "something that cannot be shown";
  }
}

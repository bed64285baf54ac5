// Checks that values can be stored unchanged: well-formed text, portable numbers, and nothing that JSON drops or
// converts. Other values are refused with their path, before anything is stored.
import { AppError } from "../errors.ts";
import { storable, textFault } from "../text/text.ts";
import { isWrittenNumber, whyInexact } from "./exact-numbers.ts";
import { isPlain } from "./objects.ts";

/** Bound on nesting: `JSON.stringify` and others recurse without one. */
const MAX_DEPTH = 1_000;

/** A reason and its path, innermost name or index first. */
interface Fault {
  path: (string | number)[];
  reason: string;
}

/**
 * The fault of a value: "value.items[3].title contains a NUL character."; undefined if it can be stored. `name`: the
 * value's name there; "" if its keys say enough.
 */
export function unstorable(name: string, value: unknown): string | undefined {
  const fault = faultIn(value, 0);
  return fault && `${placeOf(name, fault.path)} ${fault.reason}`;
}

/** @throws AppError `invalid` with the fault that `unstorable` finds */
export function checkStorable(name: string, value: unknown): void {
  const fault = unstorable(name, value);
  if (fault !== undefined) throw new AppError("invalid", fault);
}

/** The fault of a number in a value that JavaScript would change, as `unstorable` tells it. */
export function inexact(name: string, value: unknown): string | undefined {
  const fault = inexactIn(value);
  return fault && `${placeOf(name, fault.path)} ${fault.reason}`;
}

function inexactIn(value: unknown): Fault | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (isWrittenNumber(value)) return no(whyInexact(value));
  for (const [key, member] of Object.entries(value)) {
    const fault = inexactIn(member);
    if (fault !== undefined) return within(Array.isArray(value) ? Number(key) : key, fault);
  }
  return undefined;
}

/** A copy whose texts and keys are passed through `storable`. */
export function storableValue(value: unknown, onReplaced: (count: number) => void): unknown {
  if (typeof value === "string") return storable(value, onReplaced);
  if (typeof value !== "object" || value === null || isWrittenNumber(value)) return value;
  if (Array.isArray(value)) return value.map((item) => storableValue(item, onReplaced));
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      storable(key, onReplaced),
      storableValue(member, onReplaced),
    ]),
  );
}

function faultIn(value: unknown, depth: number): Fault | undefined {
  switch (typeof value) {
    case "boolean":
      return undefined;
    case "string": {
      const reason = textFault(value);
      return reason === undefined ? undefined : { path: [], reason };
    }
    case "number":
      return Number.isFinite(value) ? undefined : no(`is ${value}, which JSON cannot hold.`);
    case "object":
      return value === null ? undefined : faultInObject(value, depth);
    case "bigint":
      return no("is a BigInt, which JSON cannot hold: store it as text.");
    case "undefined":
      return no("is undefined, which JSON cannot hold: store null.");
    default:
      return no(`is a ${typeof value}, which JSON cannot hold.`);
  }
}

const no = (reason: string): Fault => ({ path: [], reason });

function faultInObject(value: object, depth: number): Fault | undefined {
  if (depth >= MAX_DEPTH) return no(`is nested more than ${MAX_DEPTH} deep, or holds itself.`);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const fault = faultIn(value[index], depth + 1);
      if (fault !== undefined) return within(index, fault);
    }
    return undefined;
  }
  if (isWrittenNumber(value)) return no(whyInexact(value));
  if (!isPlain(value)) return no(`is a ${kindOf(value)}, which JSON cannot hold${instead(value)}.`);
  for (const key of Object.keys(value)) {
    const name = textFault(key);
    if (name !== undefined) return within(key, no(`has a name that ${name}`));
    const member = (value as Record<string, unknown>)[key];
    if (member === undefined) continue; // JSON leaves it out, and reading it gives undefined again
    const fault = faultIn(member, depth + 1);
    if (fault !== undefined) return within(key, fault);
  }
  return undefined;
}

function within(key: string | number, fault: Fault): Fault {
  fault.path.push(key);
  return fault;
}

const kindOf = (value: object): string => value.constructor?.name || "special object";

const instead = (value: object): string =>
  value instanceof Date ? ": store its toISOString()" : ": store plain objects and arrays";

/** Number of names that a long path is cut to. */
const SHOWN = 20;

function placeOf(name: string, path: Fault["path"]): string {
  const names = path.slice(-SHOWN).reverse();
  const place = names.map((key) =>
    typeof key === "number"
      ? `[${key}]`
      : /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key)
        ? `.${key}`
        : `[${JSON.stringify(key)}]`,
  );
  const more = path.length > SHOWN ? "…" : "";
  return `${name}${place.join("")}${more}`.replace(/^\./, "") || "It";
}

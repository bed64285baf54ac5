// Reads the fields of a definition by a tool's author: each field once. A fault names the definition and the field.
import { specTypeSchemas } from "@modelcontextprotocol/server";
import { type Scope, SCOPES } from "../auth/principal.ts";
import { describeFault, findJsonFault } from "../lib/json/json-fault.ts";
import { unknownAmong } from "../lib/text/similar.ts";
import { fieldOf } from "./schema.ts";

/** Read each field once: a getter may throw, and may return another value the next time. @throws TypeError */
export function readFields(
  spec: object,
  whose: string,
  fields: readonly string[],
): Record<string, unknown> {
  const field = (name: string): unknown =>
    about(whose, name, () => spec[name as keyof typeof spec] as unknown);
  return Object.fromEntries(fields.map((name) => [name, field(name)]));
}

/** Fields by the names that other libraries give them. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  ...{ args: ["input", "arguments"], argsSchema: ["input", "arguments"] },
  ...{ parameters: ["input", "arguments"], params: ["input", "arguments"] },
  ...{ arguments: ["input"], schema: ["input"], outputSchema: ["output"], canAccess: ["scope"] },
  ...{ messages: ["handler"], url: ["uri"] },
};

/** Refuse a field that nothing reads: it would be lost in silence. @throws TypeError */
export function refuseUnknown(spec: object, whose: string, fields: readonly string[]): void {
  const given = Object.keys(spec);
  const isOfClass = ![Object.prototype, null].includes(Object.getPrototypeOf(spec) as object);
  for (const { name, meant } of unknownAmong(given, fields)) {
    const isOwn = isOfClass || typeof spec[name as keyof typeof spec] === "function";
    const field = synonymOf(name, fields) ?? meant;
    // Helpers of the other functions may be there, unless one stands for a field that is missing.
    if (isOwn && (field === undefined || given.includes(field))) continue;
    const likely = field ?? partOf(name, fields);
    const remedy = likely ? `Did you mean ${likely}?` : `The fields are ${fields.join(", ")}.`;
    throw new TypeError(`${whose}: ${name} is no field. ${remedy}`);
  }
}

/** Refuse a misspelt field; others may be of a later revision of MCP. @throws TypeError */
export function refuseMisspelt(value: unknown, fields: readonly string[]): void {
  if (typeof value !== "object" || value === null) return;
  for (const { name, meant = partOf(name, fields) } of unknownAmong(Object.keys(value), fields))
    if (meant) throw new TypeError(`expected ${meant}, received ${name}`);
}

const synonymOf = (name: string, fields: readonly string[]): string | undefined =>
  Object.hasOwn(SYNONYMS, name)
    ? SYNONYMS[name]!.find((field) => fields.includes(field))
    : undefined;

/** The field that begins with the name, or with which the name begins. */
const partOf = (name: string, fields: readonly string[]): string | undefined =>
  fields.find((field) => {
    const [short, long] = [name, field].map((word) => word.toLowerCase()).sort(byLength);
    return short!.length > 3 && long!.startsWith(short!);
  });

const byLength = (a: string, b: string): number => a.length - b.length;

/** Return the result of `act`; an error of it is rethrown with the definition and the field. */
export function about<T>(whose: string, field: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const reason =
      error instanceof TypeError ? error.message : `reading it threw ${describeFault(error)}`;
    throw new TypeError(`${whose}: ${field}: ${reason}.`, { cause: error });
  }
}

/** Read the name of a tool or a prompt. @throws TypeError */
export function readName(spec: unknown, kind: "Tool" | "Prompt"): { spec: object; name: string } {
  if (typeof spec !== "object" || spec === null)
    throw new TypeError(`define${kind}: expected { name, description, handler, … }.`);
  const { name } = readFields(spec, `A ${kind.toLowerCase()}`, ["name"]);
  if (typeof name === "string" && /^[A-Za-z0-9_.-]{1,128}$/.test(name)) return { spec, name };
  const shown = typeof name === "string" ? JSON.stringify(name) : describeFault(name);
  throw new TypeError(
    `${kind} ${shown}: a name has 1 to 128 letters, digits, dots, dashes or underscores.`,
  );
}

type Shown = "Tool" | "Prompt" | "Resource" | "ResourceTemplate";

/** Copy an entry of a list, valid for every client. @throws TypeError that names the field */
export function checkWire<Wire>(
  whose: string,
  type: Shown,
  given: Readonly<Record<string, unknown>>,
): Wire {
  const fault = findJsonFault(given);
  if (fault)
    throw new TypeError(`${whose}: ${fault.path}: expected JSON, received ${fault.received}.`);
  const copy: unknown = JSON.parse(JSON.stringify(given));
  const { issues: [issue] = [] } = specTypeSchemas[type]["~standard"].validate(copy);
  if (issue) throw new TypeError(`${whose}: ${fieldOf(issue)}: ${issue.message}.`);
  return copy as Wire;
}

/** Title made of a name: "State get" for `state_get`. */
export const titleOf = (name: string): string => {
  const words = name.replace(/[_.-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** Read a function among the fields, or undefined. @throws TypeError */
export function readFunction(whose: string, field: string, value: unknown): unknown {
  if (value === undefined || typeof value === "function") return value;
  throw new TypeError(`${whose}: ${field}: expected a function.`);
}

/** @throws TypeError */
export function readScope(whose: string, value: unknown): Scope | undefined {
  if (value === undefined || (SCOPES as readonly unknown[]).includes(value))
    return value as Scope | undefined;
  throw new TypeError(`${whose}: scope: expected one of ${SCOPES.join(", ")}.`);
}

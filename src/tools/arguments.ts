// Validation of a call's arguments. Models in strict mode cannot omit an optional argument: they send null or empty
// text. Where the schema refuses that value, it counts as omitted.
import type { StandardSchemaV1 } from "@modelcontextprotocol/server";
import { z } from "zod";
import { type Checked, fieldOf, pathOf, type PreparedSchema } from "../definitions/schema.ts";

/** Optional text of a built-in tool; empty text counts as omitted. */
export const optionalText = (description: string) =>
  z
    .string()
    .optional()
    .transform((text) => text || undefined)
    .describe(description);

export type Arguments =
  | { session: string | undefined; input: unknown; issues?: undefined }
  | { issues: readonly Issue[] };
type Issue = StandardSchemaV1.Issue;

/**
 * Validates `args`, at once if the schema does. Refused blank values at any depth are dropped where that makes the arguments
 * valid.
 */
export function parseArguments(
  schema: PreparedSchema,
  args: unknown,
): Arguments | Promise<Arguments> {
  const { session, ...given } = (args ?? {}) as Record<string, unknown>;
  const parsed = schema.check(given);
  const isText = session === undefined || typeof session === "string";
  return "value" in parsed && parsed.issues === undefined && isText
    ? { input: parsed.value, session: session || undefined }
    : parseAgain(schema, given, parsed, session);
}

async function parseAgain(
  schema: PreparedSchema,
  given: object,
  first: Checked | Promise<Checked>,
  session: unknown,
): Promise<Arguments> {
  const issues: Issue[] = [];
  if (!isBlank(session) && session !== undefined && typeof session !== "string")
    issues.push({ path: ["session"], message: "expected text" });
  const parsed = await parse(schema, given, await first);
  if (parsed.issues) issues.push(...parsed.issues.map((issue) => whatIsMissing(issue, given)));
  if (parsed.issues || issues.length > 0) return { issues };
  return { input: parsed.value, session: (session as string | null | undefined) || undefined };
}

async function parse({ check }: PreparedSchema, args: object, parsed: Checked): Promise<Checked> {
  if (!parsed.issues) return parsed;
  const { issues } = parsed;
  const blank = issues.map(pathOf).filter((path) => isBlank(valueAt(args, path)));
  if (blank.length === 0) return { issues };
  const again = await check(blank.reduce<unknown>(without, args));
  if (!again.issues) return again;
  // Keep the first issue of a required argument: "received null" says more than "received undefined".
  const wrong = new Set(again.issues.map(fieldOf));
  const still = issues.filter((issue) => wrong.has(fieldOf(issue)));
  return { issues: still.length === 0 ? again.issues : still };
}

/** Rewords zod's "expected nonoptional, received undefined" for a missing argument. */
function whatIsMissing(issue: Issue, args: object): Issue {
  const isKind = (issue as { code?: unknown }).code === "invalid_type";
  const isMissing = isKind && valueAt(args, pathOf(issue)) === undefined;
  return isMissing ? { ...issue, message: "it is missing" } : issue;
}

const isBlank = (value: unknown): boolean => value === null || value === "";

/** True for objects and lists. */
const isContainer = (value: unknown): value is Record<PropertyKey, unknown> =>
  typeof value === "object" && value !== null;

const valueAt = (root: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce(
    (node, key) => (isContainer(node) && Object.hasOwn(node, key) ? node[key] : undefined),
    root,
  );

/** A copy without the property at `path`. Elements of a list are not optional, so they stay. */
function without(node: unknown, [key, ...rest]: readonly PropertyKey[]): unknown {
  if (key === undefined || !isContainer(node)) return node;
  if (rest.length > 0) {
    const child = without(node[key], rest);
    return Array.isArray(node)
      ? node.map((element: unknown, i) => (i === key ? child : element))
      : { ...node, [key]: child };
  }
  if (Array.isArray(node)) return node;
  const { [key]: _, ...others } = node;
  return others;
}

// What the arguments of a call are. Models in strict mode cannot leave an optional argument out: they send null, or empty
// text. Where the schema refuses that, it means that the argument was not given.
import { z } from "zod";

/** Optional text of a built-in tool: empty text is none. */
export const optionalText = (description: string) =>
  z
    .string()
    .optional()
    .transform((text) => text || undefined)
    .describe(description);

type Parsed =
  | { input: Record<string, unknown>; issues?: undefined }
  | { input?: undefined; issues: readonly Issue[] };
type Issue = Pick<z.core.$ZodIssue, "path" | "message">;

/** `args` checked: without what is blank and refused, at any depth, where that makes them right. */
export function parseArguments(schema: z.ZodObject, args: unknown): Parsed {
  const parsed = schema.safeParse(args ?? {});
  if (parsed.success) return { input: parsed.data };
  const { issues } = parsed.error;
  const blank = issues.filter(({ path }) => isBlank(valueAt(args, path)));
  if (blank.length === 0) return { issues };
  const again = schema.safeParse(blank.reduce((rest, { path }) => without(rest, path), args));
  if (again.success) return { input: again.data };
  // Of what is needed, "received null" tells more than "received undefined".
  const wrong = new Set(again.error.issues.map(({ path }) => path.join(".")));
  const still = issues.filter(({ path }) => wrong.has(path.join(".")));
  return { issues: still.length === 0 ? again.error.issues : still };
}

const isBlank = (value: unknown): boolean => value === null || value === "";

const isObject = (value: unknown): value is Record<PropertyKey, unknown> =>
  typeof value === "object" && value !== null;

const valueAt = (root: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce(
    (node, key) => (isObject(node) && Object.hasOwn(node, key) ? node[key] : undefined),
    root,
  );

/** A copy without the property at `path`. The elements of a list are not optional and stay. */
function without(node: unknown, [key, ...rest]: readonly PropertyKey[]): unknown {
  if (key === undefined || !isObject(node)) return node;
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

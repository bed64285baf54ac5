// Suggestions for the arguments of a prompt and the variables of a resource template, as their authors write them.
import type { Principal } from "../auth/principal.ts";
import type { Suggestions } from "../protocol/completion.ts";
import { readFields, readFunction } from "./fields.ts";
import { ToolMistake } from "./mistake.ts";

export interface CompletionContext {
  principal: Principal;
  /** Values of the other arguments or variables, as far as they are known. */
  given: Readonly<Record<string, string>>;
}

/** Suggest values that begin with `value`. */
export type Complete = (
  value: string,
  context: CompletionContext,
) => Suggestions | Promise<Suggestions>;

/** @throws TypeError */
export function completions(
  whose: string,
  given: unknown,
  known: readonly string[],
): ReadonlyMap<string, Complete> {
  if (given === undefined) return new Map();
  if (typeof given !== "object" || given === null)
    throw new TypeError(`${whose}: complete: expected functions by name.`);
  const own = readFields(given, `${whose}: complete`, Object.keys(given));
  return new Map(
    Object.entries(own).map(([name, complete]) => {
      const field = `complete.${name}`;
      if (!known.includes(name))
        throw new TypeError(`${whose}: ${field}: there is no ${name} to complete.`);
      return [
        name,
        texts(whose, field, readFunction(whose, field, complete) as Complete | undefined),
      ];
    }),
  );
}

/** The function with its result checked: clients refuse a list with anything but texts. */
const texts = (whose: string, field: string, complete: Complete | undefined): Complete =>
  async function (this: unknown, value, context) {
    const suggested: unknown = (await complete?.call(this, value, context)) ?? [];
    if (areTexts(suggested)) return suggested;
    const { values, hasMore } = suggested as { values?: unknown; hasMore?: unknown };
    if (areTexts(values)) return { values, hasMore: hasMore === true };
    throw new ToolMistake(`${whose}: ${field}`, "expected a list of texts");
  };

const areTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");

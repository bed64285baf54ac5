// Suggestions for the arguments of a prompt and the variables of a resource template, as their authors write them.
import type { Principal } from "../auth/principal.ts";
import type { Suggestions } from "../protocol/completion.ts";
import { readFields, readFunction } from "./fields.ts";

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
      return [name, readFunction(whose, field, complete) as Complete];
    }),
  );
}

// What an address asks for: a session (`/mcp?session=ID` or `/mcp?name=NAME`), and toolsets (`?tools=core,chat`).
import { AppError } from "../kernel/errors.ts";
import {
  readToolsets,
  splitToolsets,
  TOOLSET_NAMES,
  type ToolsetName,
} from "../kernel/toolsets.ts";
import type { SessionTarget } from "../sessions/session.ts";
import { checkName } from "../sessions/sessions.ts";

/** @throws AppError `invalid` */
export function sessionTarget(
  id: string | undefined,
  name: string | undefined,
): SessionTarget | undefined {
  if (id !== undefined && name !== undefined) {
    throw new AppError(
      "invalid",
      "The address names a session twice: give ?session= or ?name=, not both.",
    );
  }
  if (id !== undefined) return { id };
  if (name === undefined) return undefined;
  checkName(name);
  return { name };
}

/** Undefined where the address names none. @throws AppError `invalid` for a name that is no toolset's */
export function wantedToolsets(given: readonly string[] = []): readonly ToolsetName[] | undefined {
  const text = given.join(",");
  const names = splitToolsets(text);
  const known: readonly string[] = TOOLSET_NAMES;
  const wrong = names.find((name) => !known.includes(name));
  if (wrong === undefined) return readToolsets(text);
  throw new AppError("invalid", `?tools=: there is no toolset ${JSON.stringify(wrong)}.`, {
    hint: `There are ${TOOLSET_NAMES.join(", ")}; several are separated by commas.`,
  });
}

// The session that an address names: `/mcp?session=ID` or `/mcp?name=NAME`.
import { AppError } from "../kernel/errors.ts";
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

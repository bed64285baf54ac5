// The sessions that a command line names.
import type { App } from "../../app.ts";
import { AppError } from "../../kernel/errors.ts";
import type { Session } from "../../sessions/session.ts";

/** In the order of the names, each once. @throws AppError `not_found` that tells all that are not there */
export async function findSessions(
  { operator }: App,
  refs: readonly string[],
  principal: string,
): Promise<Session[]> {
  const found = new Map<string, Session>();
  const missing: string[] = [];
  for (const ref of refs) {
    const session = await operator.find(ref, principal);
    if (session === undefined) missing.push(JSON.stringify(ref.slice(0, 64)));
    else found.set(session.id, session);
  }
  if (missing.length === 0) return [...found.values()];
  throw new AppError(
    "not_found",
    `There is no session ${missing.join(", ")} of ${principal}, or it has expired.`,
    { hint: '"holdfast sessions list --all" shows all that there are.' },
  );
}

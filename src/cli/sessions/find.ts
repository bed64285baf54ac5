// Finds the sessions that a command line names.
import type { Data } from "../../app/data.ts";
import type { Settings } from "../../config/config.ts";
import { AppError } from "../../lib/errors.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import type { Session } from "../../sessions/session.ts";
import { withData } from "../with-data.ts";

const COMPLETED = 200;

/** Forms of a reference that a reading command accepts besides. */
export interface Lookup {
  /** Accept a part of a name or title that only one session has. */
  byPart?: boolean;
}

/** Sessions in the order of the references, each once. @throws AppError `not_found` with all missing ones */
export async function findSessions(
  { operator }: Pick<Data, "operator">,
  refs: readonly string[],
  principal: string,
  { byPart = false }: Lookup = {},
): Promise<Session[]> {
  const found = new Map<string, Session>();
  const missing: string[] = [];
  for (const ref of refs) {
    const session =
      (await operator.find(ref, principal)) ??
      (byPart ? await findByPart(operator, ref, principal) : undefined);
    if (session === undefined) missing.push(JSON.stringify(ref.slice(0, 64)));
    else found.set(session.id, session);
  }
  if (missing.length === 0) return [...found.values()];
  throw new AppError(
    "not_found",
    `There is no session ${missing.join(", ")} of ${principal}, or it has expired.`,
    {
      hint: `"${commandLine("sessions list --all")}" shows all that there are; --principal NAME looks among those of another.`,
    },
  );
}

/** Prefer a whole title to a part of one. @throws AppError `conflict` if several sessions match */
async function findByPart(
  operator: Data["operator"],
  part: string,
  principal: string,
): Promise<Session | undefined> {
  if (part.trim() === "") return undefined;
  const { sessions } = await operator.list(principal, { query: part, limit: 100 });
  const whole = sessions.filter(({ title }) => title?.toLowerCase() === part.toLowerCase());
  const [found, ...others] = whole.length > 0 ? whole : sessions;
  if (others.length === 0) return found;
  const text = JSON.stringify(part.slice(0, 64));
  throw new AppError("conflict", `Several sessions have ${text} in their name or title.`, {
    hint: `${commandLine(`sessions list --query ${text}`)} shows them with their ids.`,
  });
}

/** Words for a shell: names of sessions, and ids of nameless ones; the last used first. */
export function sessionNames(settings: Settings): Promise<string[]> {
  return withData(settings, async ({ operator }) => {
    const { sessions } = await operator.list(undefined, { limit: COMPLETED });
    return sessions.map(({ name, id }) => name ?? id);
  });
}

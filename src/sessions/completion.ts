// Suggestions while somebody types which session is meant.
import type { Principal } from "../auth/principal.ts";
import type { Session } from "./session.ts";
import type { Sessions } from "./sessions.ts";

const MAX = 100;

export interface Suggestion {
  id: string;
  /** How a person names the session: by its name, else its title, else its id. */
  label: string;
}

/** The principal's sessions whose id begins with `typed`, or whose name or title has it; latest first. */
export async function completeSession(
  sessions: Sessions,
  principal: Principal,
  typed: string,
): Promise<Suggestion[]> {
  const [latest, matching] = await Promise.all([
    sessions.list(principal, { limit: MAX }),
    typed === "" ? undefined : sessions.list(principal, { query: typed, limit: MAX }),
  ]);
  const byId = latest.sessions.filter(({ id }) => id.startsWith(typed));
  const suggestions = new Map<string, Suggestion>();
  for (const session of matching?.sessions ?? []) add(session, session.name ?? session.title);
  for (const session of byId)
    add(session, typed === "" ? (session.name ?? session.title) : undefined);
  return [...suggestions.values()].slice(0, MAX);

  function add({ id }: Session, label: string | null | undefined): void {
    const suggestion = { id, label: label ?? id };
    if (!suggestions.has(id)) suggestions.set(id, suggestion);
  }
}

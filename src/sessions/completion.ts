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
): Promise<{ suggestions: Suggestion[]; hasMore: boolean }> {
  const page = await sessions.list(principal, { query: typed, byId: true, limit: MAX });
  const suggestions = page.sessions.map((session) => ({
    id: session.id,
    label: labelOf(session, typed.toLowerCase()),
  }));
  return { suggestions, hasMore: page.nextCursor !== undefined };
}

/** The id, for whoever types that. */
function labelOf({ id, name, title }: Session, typed: string): string {
  const said = [name, title].some((text) => text?.toLowerCase().includes(typed));
  return (said || !id.startsWith(typed) ? (name ?? title) : undefined) ?? id;
}

// Suggestions for the session that a person types.
import type { Principal } from "../auth/principal.ts";
import type { Session } from "./session.ts";
import type { Sessions } from "./sessions.ts";

const MAX = 100;
const MAX_LABELLED = 200;

export interface Suggestion {
  id: string;
  /** Label for people: the name, else the title, else the id; with the owner for another principal's session. */
  label: string;
}

/**
 * The principal's sessions that match `typed` with the beginning of their id, or anywhere in name or title; latest
 * first.
 */
export async function completeSession(
  sessions: Sessions,
  principal: Principal,
  typed: string,
): Promise<{ suggestions: Suggestion[]; hasMore: boolean }> {
  const page = await sessions.list(principal, { query: typed, byId: true, limit: MAX });
  const suggestions = page.sessions.map((session) => ({
    id: session.id,
    label: labelOf(session, typed.toLowerCase(), principal),
  }));
  return { suggestions, hasMore: page.nextCursor !== undefined };
}

/** The session of this label from `completeSession`, or of this title. */
export async function sessionLabelled(
  sessions: Sessions,
  principal: Principal,
  label: string,
): Promise<Session | undefined> {
  for (const query of new Set([label, label.replace(OWNER, "")])) {
    const page = await sessions.list(principal, { query, limit: MAX_LABELLED });
    const found = page.sessions.find(
      ({ name, title, owner }) =>
        title === label || whose(name ?? title ?? "", owner, principal) === label,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A session's label, with its owner if that is another principal. */
export const whose = (called: string, owner: string, principal: Principal): string =>
  owner === principal.id ? called : `${called} (of ${owner})`;

const OWNER = / \(of .*\)$/;

/** The label; the id if the typed text is the beginning of an id. */
function labelOf({ id, name, title, owner }: Session, typed: string, principal: Principal): string {
  const said = [name, title].some((text) => text?.toLowerCase().includes(typed));
  const called = said || !id.startsWith(typed) ? (name ?? title) : undefined;
  return called == null ? id : whose(called, owner, principal);
}

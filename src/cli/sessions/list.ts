// `holdfast sessions list`: what there is, the last used first.
import Table from "cli-table3";
import type { App } from "../../app.ts";
import type { Settings } from "../../holdfast.ts";
import { isoTime } from "../../kernel/clock.ts";
import type { Session, SessionCounts } from "../../sessions/session.ts";
import type { Terminal } from "../terminal.ts";
import { withApp } from "../with-app.ts";
import { oneLine, shortened } from "./text.ts";

export interface ListFlags {
  query?: string;
  limit: number;
  principal: string;
  all?: boolean;
  json?: boolean;
}

const PLAIN = { head: [], border: [] };
const LABEL_WIDTH = 40;

export function listSessions(
  settings: Settings,
  flags: ListFlags,
  terminal: Terminal,
): Promise<void> {
  return withApp(settings, async (app) => {
    const { query, limit, json } = flags;
    const principal = flags.all ? undefined : flags.principal;
    const page = await app.operator.list(principal, { query, limit });
    if (json)
      return terminal.print(JSON.stringify(page.sessions.map((session) => shown(app, session))));
    if (page.sessions.length === 0) return terminal.print(nothing(principal, query));
    terminal.print(tableOf(page.sessions, flags));
    if (page.nextCursor !== undefined)
      terminal.warn(`These are the last used ${limit}; --limit shows more, --query finds some.`);
  });
}

/** As programs see a session; counts where they are known. */
export function shown(
  app: Pick<App, "sessions">,
  session: Session & Partial<SessionCounts>,
): Record<string, unknown> {
  const { id, owner, name, title, pinned, keepMs, messages, stateKeys } = session;
  const expiresAt = app.sessions.expiresAt(session);
  return {
    ...{ id, owner, name, title, pinned, temporary: keepMs !== null },
    ...(messages !== undefined && { messages, state_keys: stateKeys }),
    created_at: isoTime(session.createdAt),
    last_active_at: isoTime(session.lastActiveAt),
    expires_at: expiresAt === null ? null : isoTime(expiresAt),
  };
}

function tableOf(sessions: readonly (Session & SessionCounts)[], { all }: ListFlags): string {
  const owners = new Set(sessions.map(({ owner }) => owner));
  const withOwner = all === true || owners.size > 1;
  const table = new Table({
    style: PLAIN,
    head: [
      ...["id", "session", "messages", "state keys", "last active"],
      ...(withOwner ? ["owner"] : []),
    ],
    colAligns: ["left", "left", "right", "right", "left", "left"],
  });
  for (const session of sessions) {
    const { id, messages, stateKeys, lastActiveAt, owner } = session;
    table.push([
      ...[id, labelOf(session) + lifeOf(session)],
      ...[messages, stateKeys, localTime(lastActiveAt)],
      ...(withOwner ? [oneLine(owner)] : []),
    ]);
  }
  return table.toString();
}

/** What is to be known about how long it stays. A pinned one stays, temporary or not. */
const lifeOf = ({ pinned, keepMs }: Session): string =>
  pinned ? " (pinned)" : keepMs === null ? "" : " (temporary)";

/** Name and title, as far as there is room. */
function labelOf({ name, title }: Session): string {
  const parts = [name, title].filter((part) => part !== null && part.trim() !== "");
  return shortened(oneLine(parts.join(": ")), LABEL_WIDTH);
}

/** `2026-11-22 07:05`, where the reader is. */
export function localTime(ms: number): string {
  const date = new Date(ms);
  const two = (part: number): string => String(part).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

function nothing(principal: string | undefined, query: string | undefined): string {
  if (query !== undefined)
    return `No session has ${JSON.stringify(query)} in its name or title; without --query all are listed.`;
  return principal === undefined
    ? "There are no sessions yet. They come into being when a client uses the server (holdfast serve), or by " +
        "holdfast sessions import FILE."
    : `${oneLine(principal)} has no sessions. --all lists everybody's, --principal NAME somebody else's; ` +
        "holdfast sessions import FILE brings some in.";
}

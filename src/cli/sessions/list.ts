// `holdfast sessions list`: lists sessions, the last used first.
import type { Data } from "../../app/data.ts";
import type { Settings } from "../../config/config.ts";
import { isoTime } from "../../lib/clock.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import type { Session, SessionCounts } from "../../sessions/session.ts";
import { hasOldMessages, type ListedFacts, type SessionPage } from "../../sessions/store.ts";
import { type Column, table } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { oneLine, shortened } from "../terminal/text.ts";
import { relativeTime } from "../terminal/times.ts";
import { withData } from "../with-data.ts";

export interface ListFlags {
  query?: string;
  limit: number;
  principal: string;
  all?: boolean;
  json?: boolean;
}

export function listSessions(
  settings: Settings,
  flags: ListFlags,
  terminal: Terminal,
): Promise<void> {
  return withData(settings, async (data) => {
    const { query, limit, json } = flags;
    const principal = flags.all ? undefined : flags.principal;
    const page = await data.operator.list(principal, { query, limit });
    if (json)
      return terminal.print(JSON.stringify(page.sessions.map((session) => shown(data, session))));
    if (page.sessions.length === 0) return terminal.print(nothing(principal, query));
    for (const line of table(
      page.sessions,
      columnsOf(data, page.sessions, flags, terminal),
      terminal.output,
    ))
      terminal.print(line);
    if (page.nextCursor !== undefined)
      terminal.warn(`These are the last used ${limit}; --limit shows more, --query finds some.`);
  });
}

/** A session as programs see it; with its counts if they are known. */
export function shown(
  data: Pick<Data, "sessions">,
  session: Session & Partial<SessionCounts> & Partial<ListedFacts>,
): Record<string, unknown> {
  const { id, owner, name, title, pinned, keepMs, messages, stateKeys, program, shares } = session;
  const { access = "own", lastMessageAt } = session;
  const expiresAt = data.sessions.expiresAt(session);
  return {
    ...{ id, owner, name, title, pinned, temporary: keepMs !== null },
    ...(messages !== undefined && { messages, state_keys: stateKeys }),
    ...(shares !== undefined && { shared: shares > 0, access, program }),
    ...(lastMessageAt !== undefined && { last_message_at: isoTime(lastMessageAt) }),
    created_at: isoTime(session.createdAt),
    last_active_at: isoTime(session.lastActiveAt),
    expires_at: isoTime(expiresAt),
  };
}

type Listed = SessionPage["sessions"][number];

/**
 * Columns from which full ids are shown; a narrower terminal gets their beginnings, which are enough to name a session.
 */
const WIDE = 120;
const SHORT_ID = 8;

function columnsOf(
  { sessions }: Pick<Data, "sessions">,
  listed: readonly Listed[],
  { all }: ListFlags,
  { output: { isTTY, columns = 80 } }: Pick<Terminal, "output">,
): Column<Listed>[] {
  const now = Date.now();
  const wide = isTTY !== true || columns >= WIDE;
  const owners = new Set(listed.map(({ owner }) => owner));
  const expiry = (session: Listed): string => {
    const at = sessions.expiresAt(session);
    return at === null ? "never" : relativeTime(at, now);
  };
  const any = (has: (session: Listed) => boolean, column: Column<Listed>) =>
    listed.some(has) ? [column] : [];
  return [
    { head: "id", text: ({ id }) => (wide ? id : id.slice(0, SHORT_ID)) },
    { head: "session", text: labelOf, tail: marksOf, flexible: true },
    { head: "messages", text: ({ messages }) => String(messages), align: "right", spare: 1 },
    { head: "keys", text: ({ stateKeys }) => String(stateKeys), align: "right", spare: 4 },
    { head: "last used", text: ({ lastActiveAt }) => relativeTime(lastActiveAt, now) },
    ...any(hasOldMessages, {
      head: "last message",
      text: ({ lastMessageAt }) => (lastMessageAt === null ? "" : relativeTime(lastMessageAt, now)),
      spare: 2,
    }),
    ...any((session) => sessions.expiresAt(session) !== null, {
      head: "expires",
      text: expiry,
      spare: 2,
    }),
    ...any(({ program }) => program !== null, {
      head: "program",
      text: ({ program }) => shortened(oneLine(program ?? ""), 20),
      spare: 3,
    }),
    ...(all === true || owners.size > 1
      ? [{ head: "owner", text: ({ owner }: Listed) => shortened(oneLine(owner), 20) }]
      : []),
  ];
}

function marksOf({ pinned, keepMs, shares }: Listed): string {
  // Leave out "temporary" for a pinned session: it stays.
  const marks = [pinned ? "pinned" : keepMs !== null && "temporary", shares > 0 && "shared"];
  const there = marks.filter((mark) => mark !== false);
  return there.length === 0 ? "" : ` (${there.join(", ")})`;
}

/** Name and title, or the beginning of the conversation. */
export function labelOf({
  name,
  title,
  opening,
}: Pick<Session, "name" | "title"> & { opening?: string | null }): string {
  const parts = [name, title].map((part) => oneLine(part ?? "")).filter((part) => part !== "");
  return parts.join(": ") || oneLine(opening ?? "") || "untitled";
}

function nothing(principal: string | undefined, query: string | undefined): string {
  if (query !== undefined)
    return `No session has ${JSON.stringify(query)} in its name or title; without --query all are listed.`;
  return principal === undefined
    ? `There are no sessions yet. They come into being when a client uses the server (${commandLine("serve")}), or by ` +
        `${commandLine("sessions import FILE")}.`
    : `${oneLine(principal)} has no sessions. --all lists those of all principals, --principal NAME those of another; ` +
        `${commandLine("sessions import FILE")} brings some in.`;
}

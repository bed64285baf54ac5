// `holdfast sessions rename`, `pin`, `unpin`, `share`, `unshare`, `clear`, `forget` and `give`: changes of sessions,
// some of which only a user of this machine may make.
import type { Data } from "../../app/data.ts";
import { messageList, numbers } from "../../chat/message.ts";
import type { Settings } from "../../config/config.ts";
import { AppError } from "../../lib/errors.ts";
import { counted } from "../../lib/text/plural.ts";
import type { Session } from "../../sessions/session.ts";
import type { Clearable, Grant } from "../../sessions/store.ts";
import { confirm } from "../terminal/confirm.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { oneLine } from "../terminal/text.ts";
import { withData } from "../with-data.ts";
import { findSessions } from "./find.ts";
import { labelOf, shown } from "./list.ts";

const NOTHING_DELETED = "Nothing was deleted";

export interface ChangeFlags {
  principal: string;
  json?: boolean;
}

/** Change one session, and print its new form. */
function change(
  settings: Settings,
  ref: string,
  { principal, json }: ChangeFlags,
  terminal: Terminal,
  act: (data: Data, session: Session) => Promise<{ session: Session; says: string; more?: object }>,
): Promise<void> {
  return withData(settings, async (data) => {
    const [found] = await findSessions(data, [ref], principal);
    const { session, says, more } = await act(data, found!);
    if (json) terminal.print(JSON.stringify({ ...shown(data, session), ...more }));
    else terminal.print(says);
  });
}

export function renameSession(
  settings: Settings,
  ref: string,
  name: string | undefined,
  flags: ChangeFlags & { title?: string },
  terminal: Terminal,
): Promise<void> {
  const { title } = flags;
  if (name === undefined && title === undefined)
    throw new AppError("start", "Say the new name, or --title with a new title.");
  return change(settings, ref, flags, terminal, async (data, found) => {
    const session = await data.operator.update(found, {
      ...(name !== undefined && { name }),
      ...(title !== undefined && { title: title === "" ? null : title }),
    });
    return { session, says: `It is called ${labelOf(session)} now.` };
  });
}

export const pinSession = (
  settings: Settings,
  ref: string,
  pinned: boolean,
  flags: ChangeFlags,
  terminal: Terminal,
): Promise<void> =>
  change(settings, ref, flags, terminal, async (data, found) => {
    const session = await data.operator.update(found, { pinned });
    const says = pinned ? "is pinned: it does not expire" : "is no longer pinned";
    return { session, says: `${labelOf(session)} ${says}.` };
  });

export const shareSession = (
  settings: Settings,
  ref: string,
  grant: Grant,
  flags: ChangeFlags,
  terminal: Terminal,
): Promise<void> =>
  change(settings, ref, flags, terminal, async (data, session) => {
    await data.operator.share(session, grant);
    const may = grant.access === "read" ? "read" : "read and change";
    const says = `${oneLine(grant.principal)} may ${may} ${labelOf(session)} now.`;
    return { session, says, more: { shared_with: await data.sessions.shares.grants(session) } };
  });

export const unshareSession = (
  settings: Settings,
  ref: string,
  other: string,
  flags: ChangeFlags,
  terminal: Terminal,
): Promise<void> =>
  change(settings, ref, flags, terminal, async (data, session) => {
    const existed = await data.operator.unshare(session, other);
    const says = existed
      ? `${oneLine(other)} can no longer reach ${labelOf(session)}.`
      : `${labelOf(session)} was not shared with ${oneLine(other)}.`;
    return { session, says, more: { shared_with: await data.sessions.shares.grants(session) } };
  });

export const clearSession = (
  settings: Settings,
  ref: string,
  { what, yes = false, ...flags }: ChangeFlags & { what: Clearable; yes?: boolean },
  terminal: Terminal,
): Promise<void> =>
  change(settings, ref, flags, terminal, async (data, session) => {
    const { messages, stateKeys } = await data.sessions.counts(session.id);
    const parts = [
      ...(what === "state" ? [] : [counted(messages, "message")]),
      ...(what === "history" ? [] : [counted(stateKeys, "state key")]),
    ].join(" and ");
    const question = `Delete ${parts} of ${labelOf(session)} for good?`;
    if (!yes && !(await confirm(terminal, question, NOTHING_DELETED)))
      return { session, says: `${NOTHING_DELETED}.`, more: { cleared: null } };
    await data.operator.clear(session, what);
    return {
      session,
      says: `Deleted ${parts}; ${labelOf(session)} stays.`,
      more: { cleared: what },
    };
  });

export const forgetMessages = (
  settings: Settings,
  ref: string,
  seqs: readonly number[],
  { yes = false, ...flags }: ChangeFlags & { yes?: boolean },
  terminal: Terminal,
): Promise<void> =>
  change(settings, ref, flags, terminal, async (data, session) => {
    const question = `Delete ${messageList(seqs)} of ${labelOf(session)} for good?`;
    if (!yes && !(await confirm(terminal, question, NOTHING_DELETED)))
      return { session, says: `${NOTHING_DELETED}.`, more: { deleted: [] } };
    const deleted = await data.operator.deleteMessages(session, seqs);
    const missing = seqs.filter((seq) => !deleted.includes(seq));
    if (missing.length > 0) terminal.setExitCode();
    const gone = `Deleted ${counted(deleted.length, "message")}.`;
    const says = missing.length > 0 ? `${gone} There is no ${numbers(missing)}.` : gone;
    return { session, says, more: { deleted } };
  });

export interface GiveFlags extends ChangeFlags {
  to: string;
  all?: boolean;
  from?: string;
}

/** Give sessions to another principal: the named ones, or all of one principal. */
export function giveSessions(
  settings: Settings,
  refs: readonly string[],
  { to, all = false, from, principal, json }: GiveFlags,
  terminal: Terminal,
): Promise<void> {
  if (all === refs.length > 0)
    throw new AppError("start", "Name the sessions to give, or say --all --from NAME.");
  if (all !== (from !== undefined))
    throw new AppError("start", "--all and --from NAME go together: --from says whose sessions.");
  return withData(settings, async (data) => {
    const sessions = all
      ? await data.operator.allOf(from!)
      : await findSessions(data, refs, principal);
    const given = [];
    for (const session of sessions) {
      const result = await data.operator.give(session, to);
      given.push(result.session);
      if (!result.named)
        terminal.warn(
          `${session.id} comes without its name ${JSON.stringify(session.name)}: ${oneLine(to)} has one of that name.`,
        );
    }
    if (json) terminal.print(JSON.stringify(given.map((session) => shown(data, session))));
    else terminal.print(`${counted(given.length, "session")} given to ${oneLine(to)}.`);
  });
}

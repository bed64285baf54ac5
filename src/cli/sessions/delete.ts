// `holdfast sessions delete`: for good, so it asks.
import type { App } from "../../app/app.ts";
import type { Settings } from "../../holdfast.ts";
import type { Session } from "../../sessions/session.ts";
import { confirm } from "../terminal/confirm.ts";
import { counted, type Terminal } from "../terminal/terminal.ts";
import { withApp } from "../with-app.ts";
import { findSessions } from "./find.ts";
import { labelOf } from "./list.ts";

export interface DeleteFlags {
  yes?: boolean;
  principal: string;
}

export function deleteSessions(
  settings: Settings,
  refs: readonly string[],
  { yes = false, principal }: DeleteFlags,
  terminal: Terminal,
): Promise<void> {
  return withApp(settings, async (app) => {
    const sessions = await findSessions(app, refs, principal);
    if (!yes && !(await isWanted(app, sessions, terminal)))
      return terminal.print("Nothing was deleted.");
    for (const session of sessions) await app.operator.delete(session);
    terminal.print(
      sessions.length === 1
        ? "Deleted 1 session with all it held."
        : `Deleted ${sessions.length} sessions with all they held.`,
    );
  });
}

/** @throws AppError `start` where nobody can be asked */
async function isWanted(
  app: App,
  sessions: readonly Session[],
  terminal: Terminal,
): Promise<boolean> {
  const lines = [];
  for (const session of sessions) {
    const { messages, stateKeys } = await app.sessions.counts(session.id);
    const holds = `${counted(messages, "message")}, ${counted(stateKeys, "state key")}`;
    lines.push(`${session.id}  ${labelOf(session)}  (${holds})`);
  }
  const what = sessions.length === 1 ? "this session" : `these ${sessions.length} sessions`;
  const question = [...lines, `Delete ${what} for good?`].join("\n");
  return confirm(terminal, question, "Nothing was deleted");
}

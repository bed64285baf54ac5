// `holdfast sessions delete`: deletes sessions for good, after a question.
import type { Data } from "../../app/data.ts";
import type { Settings } from "../../config/config.ts";
import { counted } from "../../lib/text/plural.ts";
import type { Session } from "../../sessions/session.ts";
import { confirm } from "../terminal/confirm.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { withData } from "../with-data.ts";
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
  return withData(settings, async (data) => {
    const sessions = await findSessions(data, refs, principal);
    if (!yes && !(await isWanted(data, sessions, terminal)))
      return terminal.print("Nothing was deleted.");
    for (const session of sessions) await data.operator.delete(session);
    terminal.print(
      sessions.length === 1
        ? "Deleted 1 session with all it held."
        : `Deleted ${sessions.length} sessions with all they held.`,
    );
  });
}

/** @throws AppError `start` without a terminal to ask at */
async function isWanted(
  data: Data,
  sessions: readonly Session[],
  terminal: Terminal,
): Promise<boolean> {
  const lines = [];
  for (const session of sessions) {
    const { messages, stateKeys } = await data.sessions.counts(session.id);
    const holds = `${counted(messages, "message")}, ${counted(stateKeys, "state key")}`;
    lines.push(`${session.id}  ${labelOf(session)}  (${holds})`);
  }
  const what = sessions.length === 1 ? "this session" : `these ${sessions.length} sessions`;
  const question = [...lines, `Delete ${what} for good?`].join("\n");
  return confirm(terminal, question, "Nothing was deleted");
}

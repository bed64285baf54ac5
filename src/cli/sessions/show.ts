// `holdfast sessions show`: prints one conversation.
import type { Data } from "../../app/data.ts";
import { messageFields } from "../../chat/message.ts";
import type { Settings } from "../../config/config.ts";
import { isoTime } from "../../lib/clock.ts";
import type { StateEntry } from "../../state/store.ts";
import { stylist } from "../terminal/colours.ts";
import type { Output, Terminal } from "../terminal/terminal.ts";
import { withData } from "../with-data.ts";
import { findSessions } from "./find.ts";
import { shown } from "./list.ts";
import { type Page, Transcript } from "./transcript.ts";

export interface ShowFlags {
  last?: number;
  principal: string;
  json?: boolean;
}

/** Columns above which lines are hard to read. */
const WIDEST = 100;
const NARROWEST = 30;

export function showSession(
  settings: Settings,
  ref: string,
  { last = Infinity, principal, json }: ShowFlags,
  terminal: Terminal,
): Promise<void> {
  return withData(settings, async (data) => {
    const [session] = await findSessions(data, [ref], principal, { byPart: true });
    const show = json ? showJson : showText;
    await show(data, session!.id, last, terminal);
  });
}

async function showText(data: Data, id: string, last: number, terminal: Terminal): Promise<void> {
  const transcript = new Transcript(pageOf(terminal.output));
  const state: StateEntry[] = [];
  const print = (lines: readonly string[]): void => lines.forEach((line) => terminal.print(line));
  let [left, seen, owner] = [0, 0, ""];
  for await (const piece of data.transfer.read(id)) {
    if (piece.type === "session") {
      left = Math.max(0, piece.counts.messages - last);
      ({ owner } = piece.session);
      print(transcript.heading(piece.session, piece.counts));
      print(transcript.left(left));
    } else if (piece.type === "state") {
      state.push({ ...piece.entry, value: piece.entry.value.slice(0, 1_000) });
    } else if (++seen > left) {
      print(transcript.message(piece.message, owner));
    }
  }
  print(transcript.state(state));
}

async function showJson(data: Data, id: string, last: number, terminal: Terminal): Promise<void> {
  let head: object = {};
  let [left, seen] = [0, 0];
  const state: object[] = [];
  const messages: object[] = [];
  for await (const piece of data.transfer.read(id)) {
    if (piece.type === "session") {
      const { session, counts } = piece;
      left = Math.max(0, counts.messages - last);
      head = { ...shown(data, { ...session, ...counts }), system: session.system };
    } else if (piece.type === "state") state.push(shownState(piece.entry));
    else if (++seen > left) messages.push(messageFields(piece.message));
  }
  terminal.print(JSON.stringify({ ...head, state, history: messages }));
}

const shownState = ({ key, value, version, updatedAt, expiresAt }: StateEntry): object => ({
  ...{ key, value: JSON.parse(value) as unknown, version, updated_at: isoTime(updatedAt) },
  expires_at: isoTime(expiresAt),
});

function pageOf(output: Output): Page {
  const { columns = 80 } = output;
  const width = Math.max(NARROWEST, Math.min(WIDEST, columns));
  return { width, style: stylist(output) };
}

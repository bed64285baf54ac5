// `holdfast sessions search`: finds messages by their text, across sessions.
import type { Hit } from "../../chat/history-search.ts";
import { byOther } from "../../chat/message.ts";
import { joinedQuery, type SearchArguments } from "../../chat/search-query.ts";
import type { Settings } from "../../config/config.ts";
import { isoTime } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import { shortened } from "../../lib/text/text.ts";
import { stylist } from "../terminal/colours.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { harmless, oneLine } from "../terminal/text.ts";
import { relativeTime } from "../terminal/times.ts";
import { withData } from "../with-data.ts";
import { findSessions } from "./find.ts";
import { labelOf } from "./list.ts";

const MAX_VALUE_BYTES = 300;

export interface SearchFlags extends Omit<SearchArguments, "exclude"> {
  limit: number;
  session?: string;
  principal: string;
  json?: boolean;
}

export function searchSessions(
  settings: Settings,
  words: readonly string[],
  { limit, session, principal, json, ...wanted }: SearchFlags,
  terminal: Terminal,
): Promise<void> {
  return withData(settings, async (data) => {
    const [one] = session === undefined ? [] : await findSessions(data, [session], principal);
    const scope = one === undefined ? { principal } : { session: one.id };
    const query = joinedQuery(words);
    const { role, after, before, title } = wanted;
    const isFiltered = [role, after, before, title].some((filter) => filter !== undefined);
    if (query === "" && !isFiltered) throw noWord();
    const hits = await data.search.search(scope, query, limit, wanted);
    if (json) return terminal.print(JSON.stringify(hits.map(shown)));
    const facts = await data.search.facts(scope, query, limit, wanted);
    if (hits.length === 0 && facts.length === 0)
      return terminal.print(
        `No message matches. Try other or fewer words; --principal NAME searches another principal's sessions.`,
      );
    const style = stylist(terminal.output);
    const now = Date.now();
    for (const hit of hits) {
      const { session: id, title, seq, role, createdAt, snippet } = hit;
      const found = await data.operator.find(id, principal);
      const by = found && byOther(hit, found.owner);
      const author = by === undefined ? [] : [oneLine(by)];
      const where = [id, `#${seq} ${role}`, ...author, relativeTime(createdAt, now)].join(" · ");
      const label = labelOf(found ?? { name: null, title });
      terminal.print(`${style(label, "bold")}  ${style(where, "dim")}`);
      terminal.print(
        `  ${harmless(snippet).replace(/\*\*(.+?)\*\*/g, (_, found: string) => style(found, "yellow"))}`,
      );
    }
    for (const { session: id, title, key, value } of facts) {
      const found = await data.operator.find(id, principal);
      terminal.print(
        `${style(labelOf(found ?? { name: null, title }), "bold")}  ${style(`${id} · fact ${oneLine(key)}`, "dim")}`,
      );
      terminal.print(`  ${oneLine(shortened(value, MAX_VALUE_BYTES, "…"))}`);
    }
  });
}

const noWord = (): AppError =>
  new AppError("start", "query: expected at least one word.", {
    hint: `${commandLine("sessions show NAME")} shows the messages of a session.`,
  });

/** A hit as programs see it. */
const shown = ({ createdAt, ...hit }: Hit): object => ({ ...hit, created_at: isoTime(createdAt) });

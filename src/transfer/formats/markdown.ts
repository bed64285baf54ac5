// A session as a Markdown document for reading; it cannot be imported.
import { byOther } from "../../chat/message.ts";
import { isoTime } from "../../lib/clock.ts";
import { fenced, longestRun, missingEnd } from "../../lib/text/fence.ts";
import type { Session } from "../../sessions/session.ts";
import type { TransferRecord } from "../store.ts";

/** The time in minutes: `2026-11-22 07:05 UTC`. */
const timeText = (ms: number): string => `${isoTime(ms).slice(0, 16).replace("T", " ")} UTC`;

/** Blocks of text; each ends with an empty line. */
export async function* toMarkdown(pieces: AsyncIterable<TransferRecord>): AsyncGenerator<string> {
  let [inState, owner] = [false, ""];
  for await (const piece of pieces) {
    if (piece.type === "session") {
      ({ owner } = piece.session);
      yield heading(piece.session);
    } else if (piece.type === "state") {
      if (!inState) yield "## State\n\n";
      inState = true;
      const { key, version, value } = piece.entry;
      yield `${code(key)}, version ${version}:\n\n${fenced(pretty(value), "json")}\n\n`;
    } else {
      const { seq, role, model, status, createdAt, content } = piece.message;
      const by = byOther(piece.message, owner) ?? null;
      const notes = [
        timeText(createdAt),
        by,
        model && line(model),
        status === "complete" ? null : status,
      ];
      yield `## ${seq}. ${role}\n\n_${notes.filter((note) => note !== null).join(" · ")}_\n\n`;
      yield `${closed(content.trimEnd().replace(OUR_HEADING, "\\$&"))}\n\n`;
    }
  }
}

function heading({ id, name, title, system, createdAt, lastActiveAt }: Session): string {
  const lines = [
    `# ${line(title ?? name ?? `Session ${id}`)}`,
    [
      `- session: ${code(id)}`,
      ...(name === null ? [] : [`- name: ${line(name)}`]),
      `- started: ${timeText(createdAt)}`,
      `- last active: ${timeText(lastActiveAt)}`,
    ].join("\n"),
    ...(system === null ? [] : [`System prompt:\n\n${fenced(system)}`]),
  ];
  return `${lines.join("\n\n")}\n\n`;
}

/** The heading of a message. It is escaped in content, so that content cannot imitate a message. */
const OUR_HEADING = /^ {0,3}## (?=\d+\. )/gm;

/** The text with an end to code that it leaves open, which would take in all messages behind it. */
function closed(text: string): string {
  const end = missingEnd(text);
  return end === undefined ? text : `${text}\n${end}`;
}

const line = (text: string): string => text.replace(/\s+/g, " ");

const code = (text: string): string => {
  const fence = "`".repeat(longestRun(text) + 1);
  return fence.length > 1 ? `${fence} ${text} ${fence}` : `\`${text}\``;
};

/** Indented JSON. Long values stay as they are, because the indentation of deep nesting grows without bound. */
const pretty = (json: string): string =>
  json.length > 2_000 ? json : JSON.stringify(JSON.parse(json), null, 2);

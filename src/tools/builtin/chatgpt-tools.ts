// The tools `search` and `fetch`, in the shapes that ChatGPT's connectors and deep research require: one string in,
// one JSON text out. See developers.openai.com, "Building MCP servers for ChatGPT Apps and API integrations".
import { z } from "zod";
import { type Message, transcriptLine } from "../../chat/message.ts";
import { isoTime } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import { isId } from "../../lib/ids.ts";
import { inOneLine } from "../../lib/text/quoted.ts";
import { shortened } from "../../lib/text/text.ts";
import { historyBefore } from "../../sessions/uris.ts";
import { defineTool, type Tool } from "../tool.ts";
import { READS } from "./annotations.ts";
import { reply } from "./reply.ts";

const MAX_RESULTS = 20;
const MAX_TITLE_BYTES = 200;
/** Number of messages shown before the found message, and behind it. */
const AROUND = 5;
const MAX_TEXT_BYTES = 40_000;
/** Maximum per neighbouring message. */
const MAX_NEIGHBOUR_BYTES = 2_000;
const MARK = " […]";

const reference = { id: z.string(), title: z.string(), url: z.string() };
/** A message's permanent id: its session's id and its number there. */
const messageId = (session: string, seq: number): string => `${session}#${seq}`;

/** The URI of our resource that ends with that message. */
const messageUrl = (session: string, seq: number): string => historyBefore(session, seq + 1);

const titleOf = (session: string | null, seq: number, text = ""): string =>
  shortened(
    inOneLine(`${session ?? "Untitled session"}, message ${seq}${text && `: ${text}`}`),
    MAX_TITLE_BYTES,
    MARK,
  );

export function chatgptTools(): Tool[] {
  return [
    defineTool({
      name: "search",
      toolset: "chatgpt",
      description:
        "Find messages in all of the user's earlier conversations by their words, the best first. fetch gives one with what was said around it.",
      input: z.strictObject({ query: z.string().describe("Words or a question.") }),
      output: z.object({ results: z.array(z.object(reference)) }),
      annotations: READS,
      session: "none",
      response: "json",
      async handler({ input, sessions }) {
        const hits = await sessions.search(input.query, MAX_RESULTS);
        const results = hits.map(({ session, title, seq, snippet }) => ({
          id: messageId(session, seq),
          title: titleOf(title, seq, snippet.replaceAll("**", "")),
          url: messageUrl(session, seq),
        }));
        return reply(JSON.stringify({ results }), { results });
      },
    }),

    defineTool({
      name: "fetch",
      toolset: "chatgpt",
      description: "Read a message that search has found, with what was said around it.",
      input: z.strictObject({ id: z.string().describe("`id` of a result of search.") }),
      output: z.object({
        ...reference,
        text: z.string(),
        metadata: z.record(z.string(), z.string()),
      }),
      annotations: READS,
      session: "none",
      response: "json",
      async handler({ input: { id }, sessions }) {
        const [session = "", digits = ""] = id.trim().split("#");
        const seq = /^[1-9]\d{0,14}$/.test(digits) ? Number(digits) : undefined;
        const found = seq !== undefined && isId(session) ? await sessions.find(session) : undefined;
        // Read the message on its own page, so that large neighbours cannot push it out.
        const pages = await Promise.all([
          found?.history.page({ limit: AROUND, before: seq! }),
          found?.history.page({ limit: 1, before: seq! + 1 }),
          found?.history.page({ limit: AROUND, before: seq! + AROUND + 1 }),
        ]);
        const [earlier = [], [message] = [], later = []] = pages.map((page) => page?.messages);
        if (found === undefined || message === undefined || message.seq !== seq)
          throw new AppError(
            "not_found",
            `There is no message ${JSON.stringify(shortened(id, 80))}.`,
            {
              hint: "Pass the `id` of a result of search.",
            },
          );
        const document = {
          id: messageId(found.id, message.seq),
          title: titleOf(found.info?.title ?? null, message.seq),
          text: transcript([...earlier, message, ...later.filter((one) => one.seq > seq)], message),
          url: messageUrl(found.id, message.seq),
          metadata: {
            session: found.id,
            role: message.role,
            created_at: isoTime(message.createdAt),
          },
        };
        return reply(JSON.stringify(document), document);
      },
    }),
  ];
}

/** The whole message, as far as there is room, with the beginnings of its neighbours. */
function transcript(messages: readonly Message[], wanted: Message): string {
  return messages
    .filter(({ seq }) => Math.abs(seq - wanted.seq) <= AROUND)
    .map(({ seq, role, content }) => {
      const room = seq === wanted.seq ? MAX_TEXT_BYTES : MAX_NEIGHBOUR_BYTES;
      return transcriptLine({ seq, role }, shortened(content, room, MARK));
    })
    .join("\n\n");
}

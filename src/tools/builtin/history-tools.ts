// Tools for a session's history: the messages that `chat` stores, open to every tool and client.
import { z } from "zod";
import {
  byOther,
  type Message,
  messageFields,
  messageList,
  ROLES,
  STATUSES,
  transcriptLine,
} from "../../chat/message.ts";
import { isoTime } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import { requestKey } from "../request-key.ts";
import { defineTool, type Tool } from "../tool.ts";
import { ADDS, READS, REPLACES } from "./annotations.ts";
import { reply } from "./reply.ts";

/** A message in results: absent fields have no value. */
function toMessage(message: Message) {
  const { model, author: by, ...fields } = messageFields(message);
  return { ...fields, ...(model !== null && { model }), ...(by !== null && { author: by }) };
}

/** The author in results. */
export const author = z
  .string()
  .describe("Who wrote it; of a model's answer, who asked. Absent where that is not known.");

export function historyTools(): Tool[] {
  return [
    defineTool({
      name: "history_append",
      toolset: "core",
      description:
        "Add a message to the session's history, such as what was asked, done or decided. No model answers.",
      input: z.strictObject({
        role: z.enum(ROLES),
        content: z.string(),
        request_key: requestKey,
      }),
      output: z.object({ seq: z.int(), created_at: z.string() }),
      annotations: ADDS,
      session: "created",
      response: "json",
      async handler({ input, session }) {
        const { role, content, request_key: requestKey } = input;
        const { seq, createdAt } = await session.history.append({ role, content, requestKey });
        return reply(`Stored as message #${seq} of session ${session.id}.`, {
          seq,
          created_at: isoTime(createdAt),
        });
      },
    }),

    defineTool({
      name: "history_get",
      toolset: "core",
      description:
        "Read the session's messages in order: the newest, or those before a number. Call it to pick up where you left off.",
      input: z.strictObject({
        limit: z
          .int()
          .min(1)
          .max(500)
          .default(50)
          .describe("A page with long messages has fewer: it ends at about 1 MB."),
        before: z.int().min(1).optional().describe("`next_before` of the page before."),
      }),
      output: z.object({
        messages: z.array(
          z.object({
            seq: z.int(),
            role: z.enum(ROLES),
            content: z.string(),
            status: z.enum(STATUSES),
            model: z.string().optional(),
            created_at: z.string(),
            author: author.optional(),
          }),
        ),
        next_before: z.int().optional(),
      }),
      annotations: READS,
      response: "json",
      async handler({ input, session, principal }) {
        const { messages, nextBefore } = await session.history.page(input);
        const owner = session.info?.owner ?? principal.id;
        const lines = messages.map((message) => {
          const { content, status } = message;
          const note = status === "complete" ? undefined : status;
          return transcriptLine(message, content, [byOther(message, owner), note]);
        });
        const more = nextBefore === undefined ? [] : [`Older messages: pass before=${nextBefore}.`];
        return reply(
          [...more, ...(lines.length > 0 ? lines : ["This session has no messages here."])].join(
            "\n",
          ),
          {
            messages: messages.map(toMessage),
            ...(nextBefore !== undefined && { next_before: nextBefore }),
          },
        );
      },
    }),

    defineTool({
      name: "history_delete",
      toolset: "manage",
      description:
        "Delete single messages of this session by their numbers, for example a pasted secret. The other " +
        "messages keep their numbers. This cannot be undone.",
      input: z.strictObject({
        seq: z.int().min(1).optional().describe("Number of the message."),
        seqs: z.array(z.int().min(1)).max(100).optional().describe("Numbers of several messages."),
      }),
      output: z.object({
        deleted: z.array(z.int()).describe("Numbers of the messages that were there."),
      }),
      annotations: REPLACES,
      frees: true,
      response: "json",
      async handler({ input: { seq, seqs = [] }, session }) {
        const wanted = [...new Set([...(seq === undefined ? [] : [seq]), ...seqs])];
        if (wanted.length === 0)
          throw new AppError("invalid", "seq: expected the number of a message.", {
            hint: "history_get shows the messages with their numbers.",
          });
        const deleted = await session.deleteMessages(wanted);
        const missing = wanted.filter((number) => !deleted.includes(number));
        return reply(
          [
            ...(deleted.length > 0 ? [`Deleted ${messageList(deleted)}.`] : []),
            ...(missing.length > 0 ? [`There is no ${messageList(missing)}.`] : []),
          ].join(" "),
          { deleted },
        );
      },
    }),
  ];
}

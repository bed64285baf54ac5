// The tool `session_fork`: a copy of a conversation that continues on its own.
import { z } from "zod";
import { quoted } from "../../lib/text/quoted.ts";
import { defineTool, type Tool } from "../tool.ts";
import { ADDS } from "./annotations.ts";
import { reply } from "./reply.ts";

export function forkTool(): Tool {
  return defineTool({
    name: "session_fork",
    toolset: "manage",
    description:
      "Copy the current session, its history up to a message and its state, into a new session of yours, and leave this one as it is.",
    input: z.strictObject({
      upto: z.int().min(1).optional().describe("Number of the last message to copy. Default: all."),
    }),
    output: z.object({ forked_from: z.string(), title: z.string().nullable() }),
    annotations: ADDS,
    async handler({ input, session }) {
      const { id, title } = await session.fork(input.upto);
      return reply(
        `Copied into session ${id} (${quoted(title ?? "untitled")}). Pass this id as \`session\` to work there.`,
        { session: id, forked_from: session.id, title },
      );
    },
  });
}

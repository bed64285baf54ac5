// Tools for letting others into a session.
import { z } from "zod";
import { reply } from "./reply.ts";
import type { SessionHandle } from "./session-handle.ts";
import { defineTool, type Tool } from "./tool.ts";

const principal = z.string().describe("Name of the other principal, as its keys or tokens say it.");

/** Whom a session is shared with, as every sharing tool tells it. */
export const sharedWith = z.array(
  z.object({ principal: z.string(), access: z.enum(["read", "write"]) }),
);

export function shareTools(): Tool[] {
  const annotations = {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  };
  return [
    defineTool({
      name: "session_share",
      toolset: "manage",
      description:
        "Let another principal read the current session, or read and change it. Only its owner can do that.",
      input: z.strictObject({
        principal,
        access: z.enum(["read", "write"]).default("read"),
      }),
      output: z.object({
        shared_with: sharedWith,
        known: z.boolean().describe("Whether anybody of that name was seen here."),
      }),
      annotations,
      quick: true,
      async handler({ input, session }) {
        const known = await session.share(input);
        const text = `${input.principal} may now ${input.access} session ${session.id}.`;
        const doubt =
          ` Nobody called ${JSON.stringify(input.principal)} has been seen here: there is no key, session or program ` +
          "of that name. If it is misspelt, take it back with session_unshare.";
        return reply(known ? text : text + doubt, { shared_with: await session.grants(), known });
      },
    }),

    defineTool({
      name: "session_unshare",
      toolset: "manage",
      description: "No longer let another principal into the current session.",
      input: z.strictObject({ principal }),
      output: z.object({ shared_with: sharedWith }),
      annotations,
      quick: true,
      async handler({ input, session }) {
        const existed = await session.unshare(input.principal);
        return told(
          session,
          existed
            ? `${input.principal} can no longer reach session ${session.id}.`
            : `It was not shared with ${input.principal}.`,
        );
      },
    }),
  ];
}

const told = async (session: SessionHandle, text: string) =>
  reply(text, { shared_with: await session.grants() });

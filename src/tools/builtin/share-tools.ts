// Tools for sharing a session with other principals.
import { z } from "zod";
import { AppError } from "../../lib/errors.ts";
import type { SessionHandle } from "../session/session-handle.ts";
import { defineTool, type Tool } from "../tool.ts";
import { SETS } from "./annotations.ts";
import { reply } from "./reply.ts";

const principal = z.string().describe("Name of the other principal, as its keys or tokens say it.");

/** The principals that a session is shared with, in the results of all sharing tools. */
export const sharedWith = z.array(
  z.object({
    principal: z.string(),
    access: z.enum(["read", "write"]),
    pending: z.boolean().optional().describe("Present until it is accepted."),
  }),
);

export function shareTools(): Tool[] {
  return [
    defineTool({
      name: "session_share",
      toolset: "manage",
      description:
        "Let another principal read the current session, or read and change it, once it accepts that. Only its owner can.",
      input: z.strictObject({
        principal,
        access: z.enum(["read", "write"]).default("read"),
      }),
      output: z.object({
        shared_with: sharedWith,
        known: z.boolean().describe("Whether anybody of that name was seen here."),
      }),
      annotations: SETS,
      response: "json",
      async handler({ input, session }) {
        const known = await session.share(input);
        const who = JSON.stringify(input.principal);
        const sharedNow = await session.grants();
        const waits = sharedNow.some(
          ({ principal, pending }) => principal === input.principal && pending,
        );
        const text = waits
          ? `${who} may ${input.access} session ${session.id} after a call of session_accept with this id.`
          : `${who} may now ${input.access} session ${session.id}.`;
        const doubt =
          ` Nobody called ${JSON.stringify(input.principal)} has been seen here: there is no key, session or program ` +
          "of that name. If it is misspelt, take it back with session_unshare.";
        return reply(known ? text : text + doubt, { shared_with: sharedNow, known });
      },
    }),

    defineTool({
      name: "session_unshare",
      toolset: "manage",
      description: "No longer let another principal into the current session.",
      input: z.strictObject({ principal }),
      output: z.object({ shared_with: sharedWith }),
      annotations: SETS,
      frees: true,
      response: "json",
      async handler({ input, session }) {
        const existed = await session.unshare(input.principal);
        return told(
          session,
          existed
            ? `${JSON.stringify(input.principal)} can no longer reach session ${session.id}.`
            : `It was not shared with ${JSON.stringify(input.principal)}.`,
        );
      },
    }),

    defineTool({
      name: "session_accept",
      toolset: "manage",
      description:
        "Accept that another principal shares a session with you: from then on it is in your lists and searches. " +
        "Without `session` it shows the shares that wait. Accept only what the user expects.",
      input: z.strictObject({}),
      output: z.object({
        accepted: z.boolean(),
        pending: z.array(offered).describe("The shares that still wait."),
      }),
      annotations: SETS,
      session: "named",
      response: "json",
      async handler({ sessionArgument: id, sessions }) {
        const offer = id === undefined ? undefined : await sessions.accept(id);
        const pending = await sessions.offers();
        const lines = pending.map(
          ({ session, owner, access }) => `- ${session} of ${JSON.stringify(owner)}: ${access}`,
        );
        const text =
          offer === undefined
            ? [lines.length > 0 ? "These shares wait:" : "No share waits.", ...lines].join("\n")
            : `You may now ${offer.access} session ${offer.session} of ${JSON.stringify(offer.owner)}.`;
        return reply(text, { session: id ?? null, accepted: offer !== undefined, pending });
      },
    }),

    defineTool({
      name: "session_leave",
      toolset: "manage",
      description:
        "Leave a session that another principal shares with you, or refuse one that waits to be accepted.",
      input: z.strictObject({}),
      output: z.object({ left: z.boolean() }),
      annotations: SETS,
      frees: true,
      session: "named",
      response: "json",
      async handler({ sessionArgument: id, sessions }) {
        if (id === undefined)
          throw new AppError("invalid", "session: expected the id of a session that is shared.", {
            hint: "session_list and session_accept show them.",
          });
        const left = await sessions.leave(id);
        const text = left ? "You have left this session." : "This session was not shared with you.";
        return reply(text, { session: id, left });
      },
    }),
  ];
}

/** A pending share. It leaves out the title and all content, which are another principal's text. */
export const offered = z.object({
  session: z.string(),
  owner: z.string(),
  access: z.enum(["read", "write"]),
});

const told = async (session: SessionHandle, text: string) =>
  reply(text, { shared_with: await session.grants() });

// The built-in prompts: they give an earlier conversation to the model of the user's program.
import { z } from "zod";
import type { Principal } from "../auth/principal.ts";
import type { Chat } from "../chat/chat.ts";
import { byOther, transcriptLine } from "../chat/message.ts";
import type { SessionResolver } from "../clients/session-resolver.ts";
import { quoted } from "../lib/text/quoted.ts";
import { RequestError } from "../protocol/errors.ts";
import type { Caller, Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { completeSession, sessionLabelled } from "../sessions/suggestions.ts";
import { definePrompt, type Prompt } from "./prompt.ts";

/** About 12,000 tokens of English: the context window of the user's model must hold more than a transcript. */
const MAX_CHARACTERS = 50_000;
const MAX_MESSAGES = 200;
const PAGE = 10;

export interface SessionPromptParts {
  sessions: Sessions;
  resolver: SessionResolver;
  chat: Chat;
}

export function sessionPrompts(parts: SessionPromptParts): Prompt[] {
  const about = (name: string, title: string, description: string, wish: Wish): Prompt =>
    definePrompt({
      ...{ name, title, description },
      arguments: z.object({
        session: z
          .string()
          .optional()
          .describe("Id, name or title of a session. Default: the one that this program works in."),
      }),
      complete: {
        async session(value, { principal }) {
          const { suggestions, hasMore } = await completeSession(parts.sessions, principal, value);
          return { values: [...new Set(suggestions.map(({ label }) => label))], hasMore };
        },
      },
      async handler({ args, caller }) {
        const found = await find(parts, caller, args.session);
        return [wish(found), "", ...(await transcript(parts.chat, found))].join("\n");
      },
    });
  return [
    about(
      "continue_conversation",
      "Continue a conversation",
      "Go on with an earlier conversation where it ended.",
      (found) =>
        `Let us go on with ${named(found)} where it ended. What you add to it belongs into that session: pass ` +
        `session="${found.id}" to history_append, chat and the state tools; history_get has what is older than this.`,
    ),
    about(
      "summarize_conversation",
      "Summarize a conversation",
      "Sum up an earlier conversation.",
      (found) =>
        `Summarize ${named(found)}: what it was about, what was decided, and what is still open. ` +
        `history_get with session="${found.id}" has what is older than this.`,
    ),
  ];
}

type Wish = (session: Session) => string;

const named = ({ id, title, name }: Session): string =>
  `our conversation ${quoted(title ?? name ?? "untitled")} (session ${id})`;

/** The newest messages that fit, in order; read a few at a time, because each may be large. */
async function transcript(chat: Chat, { id, owner }: Session): Promise<string[]> {
  const lines: string[] = [];
  let room = MAX_CHARACTERS;
  let isCut = false;
  let before: number | undefined;
  do {
    const { messages, nextBefore } = await chat.page(id, { limit: PAGE, before });
    for (const message of messages.toReversed()) {
      isCut = room <= 0;
      if (isCut) break;
      const { seq, role, content } = message;
      const by = byOther(message, owner);
      const shown = content.length > room ? `${content.slice(0, room).toWellFormed()}…` : content;
      room -= shown.length;
      lines.push(transcriptLine({ seq, role }, shown, [by]));
    }
    before = nextBefore;
  } while (before !== undefined && room > 0 && lines.length < MAX_MESSAGES);
  if (lines.length === 0) return ["(It has no messages yet.)"];
  const older = isCut || before !== undefined ? ["(Older messages are left out here.)"] : [];
  return [...older, ...lines.reverse()];
}

/** @throws RequestError, the same for a missing session and for another principal's */
async function find(
  { sessions, resolver }: SessionPromptParts,
  caller: Caller,
  wanted: string | undefined,
): Promise<Session> {
  const found = wanted
    ? await sessionCalled(sessions, caller.principal, wanted)
    : (await resolver.peek(caller))?.session;
  if (found !== undefined) return found;
  throw new RequestError(
    "invalid_params",
    wanted
      ? `There is no session ${JSON.stringify(wanted.slice(0, 64))}, or it has expired.`
      : "This program works in no session yet: name one with the argument session.",
  );
}

async function sessionCalled(
  sessions: Sessions,
  principal: Principal,
  wanted: string,
): Promise<Session | undefined> {
  const direct =
    (await sessions.find(principal, { id: wanted })) ??
    (await sessions.find(principal, { name: wanted }));
  return direct ?? sessionLabelled(sessions, principal, wanted);
}

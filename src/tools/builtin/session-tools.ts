// Tools for sessions themselves: open, list, show, change, clear, delete.
import ms from "ms";
import { z } from "zod";
import { isoTime } from "../../lib/clock.ts";
import { once } from "../../lib/once.ts";
import { counted } from "../../lib/text/plural.ts";
import { quoted, wordOrQuoted } from "../../lib/text/quoted.ts";
import type { Session, SessionCounts } from "../../sessions/session.ts";
import { optionalText } from "../arguments.ts";
import type { OwnSessions } from "../session/own-sessions.ts";
import { defineTool, type Tool } from "../tool.ts";
import { ADDS, READS, REPLACES, SETS } from "./annotations.ts";
import { reply } from "./reply.ts";
import { offered, sharedWith } from "./share-tools.ts";

const summary = {
  owner: z.string(),
  access: z.enum(["read", "write", "own"]).describe("What you may do with it."),
  name: z.string().nullable(),
  title: z.string().nullable(),
  pinned: z.boolean(),
  temporary: z.boolean(),
  created_at: z.string().nullable().describe("Null while nothing is stored in the session."),
  last_active_at: z.string().nullable(),
  expires_at: z
    .string()
    .nullable()
    .describe("Time of its deletion if it stays unused; null for never."),
  counts: z.object({ messages: z.int(), state_keys: z.int() }),
};

const title = optionalText("Short title for people.");
const system = optionalText("System prompt for `chat` in this session.");

const summarize = (session: Session | undefined, counts: SessionCounts, sessions: OwnSessions) => ({
  owner: session?.owner ?? sessions.principal,
  access: session?.access ?? "own",
  name: session?.name ?? null,
  title: session?.title ?? null,
  pinned: session?.pinned ?? false,
  temporary: session !== undefined && session.keepMs !== null,
  created_at: session ? isoTime(session.createdAt) : null,
  last_active_at: session ? isoTime(session.lastActiveAt) : null,
  expires_at: session ? isoTime(sessions.expiresAt({ ...session, ...counts })) : null,
  counts: { messages: counts.messages, state_keys: counts.stateKeys },
});

type Summary = Pick<ReturnType<typeof summarize>, "owner" | "access" | "expires_at">;

/** The owner, unless the session is only the caller's, and the time of expiry. */
function standing({ owner, access, expires_at: expires }: Summary, shared: boolean): string {
  const may = access === "read" ? "you may read it" : "you may read and change it";
  const whose = access !== "own" ? `, of ${wordOrQuoted(owner)}: ${may}` : shared ? ", shared" : "";
  return whose + (expires === null ? "" : `, goes ${expires} unless used`);
}

const label = ({ title, name }: { title: string | null; name: string | null }): string =>
  title === null && name === null ? "untitled session" : quoted(title ?? name ?? "");

const countsText = ({ messages, stateKeys }: SessionCounts): string =>
  `${counted(messages, "message")}, ${counted(stateKeys, "state key")}`;

const retentionText = (maxAgeMs: number): string =>
  maxAgeMs === Infinity
    ? "Sessions are kept until they are deleted."
    : `A session is deleted when it has not been used for ${ms(maxAgeMs, { long: true })}, unless it is pinned.`;

/** A tool whose description ends with what holds when it is listed. */
const withCurrent = (tool: Tool, text: () => string): Tool => ({
  ...tool,
  get wire() {
    return { ...tool.wire, description: `${tool.wire.description} ${text()}` };
  },
});

/** `maxAgeMs`: the retention that `session_open` states. */
export function sessionTools(maxAgeMs: () => number): Tool[] {
  const [open, ...others] = tools();
  return [withCurrent(open!, () => retentionText(maxAgeMs())), ...others];
}

const tools = once(defineTools);

function defineTools(): Tool[] {
  return [
    defineTool({
      name: "session_open",
      toolset: "core",
      description:
        "Begin another session (a conversation with its own history and state), or return to your session of a name. " +
        "Pass its id as `session` to other tools.",
      input: z.strictObject({
        name: optionalText("Unique: the same name returns the same session."),
        title,
        system,
        temporary: z.boolean().default(false).describe("Delete it soon after its use."),
      }),
      output: z.object({ created: z.boolean(), ...summary }),
      annotations: ADDS,
      session: "optional",
      response: "json",
      async handler({ input, sessions }) {
        const { session, created } = await sessions.open(input);
        const info = summarize(session, await sessions.counts(session), sessions);
        return reply(
          `${created ? "Opened" : "Found"} session ${session.id} (${label(session)}). Pass this id as \`session\` to work in it.`,
          {
            session: session.id,
            created,
            ...info,
          },
        );
      },
    }),

    defineTool({
      name: "session_info",
      toolset: "manage",
      description:
        "Show the current session: title, times, counts, and the client that is connected to it.",
      input: z.strictObject({}),
      output: z.object({
        ...summary,
        system: z.string().nullable(),
        shared_with: sharedWith.describe("Whom its owner lets in."),
        connections: z
          .int()
          .describe(
            "Programs that are connected to this session now: with an open stream or pipe, or a request in the last half minute.",
          ),
        client: z
          .object({ name: z.string(), version: z.string(), protocol_version: z.string() })
          .nullable()
          .describe("The program that asks."),
        capabilities: z.looseObject({}).nullable().describe("What that program can do."),
        summary: z
          .object({ upto_seq: z.int(), content: z.string(), created_at: z.string() })
          .optional()
          .describe("What `chat` shows the model instead of the messages up to `upto_seq`."),
      }),
      annotations: READS,
      response: "json",
      async handler({ session, sessions, client }) {
        const counts = await session.counts();
        const info = summarize(session.info, counts, sessions);
        const chatSummary = await session.summary();
        const grants = session.info?.access === "own" ? await session.grants() : [];
        const which =
          session.info === undefined ? "Nothing is stored here yet" : `Session ${session.id}`;
        const what = countsText(counts) + standing(info, grants.length > 0);
        return reply(`${which} (${label(info)}): ${what}.`, {
          ...info,
          system: session.info?.system ?? null,
          shared_with: grants,
          connections: counts.connections,
          client: client
            ? {
                name: client.name,
                version: client.version,
                protocol_version: client.protocolVersion,
              }
            : null,
          capabilities: client?.capabilities ?? null,
          ...(chatSummary && {
            summary: {
              upto_seq: chatSummary.uptoSeq,
              content: chatSummary.content,
              created_at: isoTime(chatSummary.createdAt),
            },
          }),
        });
      },
    }),

    defineTool({
      name: "session_list",
      toolset: "core",
      description: "List your sessions, the latest first. Call it to find an earlier conversation.",
      input: z.strictObject({
        query: optionalText("Part of a name or title."),
        limit: z.int().min(1).max(100).default(20),
        cursor: optionalText("`next_cursor` of the page before."),
      }),
      output: z.object({
        sessions: z.array(
          z.object({
            id: z.string(),
            ...summary,
            shared: z.boolean().describe("Whether its owner has let others in."),
          }),
        ),
        pending: z
          .array(offered)
          .optional()
          .describe("Shares of others that wait for session_accept or session_leave."),
        next_cursor: z.string().optional(),
      }),
      annotations: READS,
      session: "optional",
      response: "json",
      async handler({ input, session, sessions }) {
        const page = await sessions.list(input);
        const pending = input.cursor ? [] : await sessions.offers();
        const waiting =
          pending.length > 0
            ? [`${counted(pending.length, "share waits", "shares wait")}: see session_accept.`]
            : [];
        const lines = page.sessions.map(
          (found) =>
            `- ${found.id} ${label(found)} (${countsText(found)}` +
            `${standing(summarize(found, found, sessions), found.shares > 0)})`,
        );
        const empty = input.query
          ? "No session matches."
          : "No sessions yet. Start one with session_open or chat.";
        const more = page.nextCursor ? ["More: pass next_cursor as cursor."] : [];
        return reply([...(lines.length > 0 ? lines : [empty]), ...more, ...waiting].join("\n"), {
          session: session?.id ?? null,
          sessions: page.sessions.map((found) => ({
            id: found.id,
            ...summarize(found, found, sessions),
            shared: found.shares > 0,
          })),
          ...(pending.length > 0 && { pending }),
          ...(page.nextCursor && { next_cursor: page.nextCursor }),
        });
      },
    }),

    defineTool({
      name: "session_update",
      toolset: "manage",
      description:
        "Change the current session's title or system prompt, or pin it so that it is never deleted by age.",
      input: z.strictObject({
        title,
        system,
        pinned: z.boolean().optional(),
        clear: z
          .array(z.enum(["title", "system"]))
          .optional()
          .describe("What to take away."),
      }),
      output: z.object({ ...summary, system: z.string().nullable() }),
      annotations: SETS,
      response: "json",
      async handler({ input, session, sessions }) {
        const { clear = [], ...changes } = input;
        const cleared = Object.fromEntries(clear.map((field) => [field, null]));
        const updated = await session.update({ ...changes, ...cleared });
        const info = summarize(updated, await session.counts(), sessions);
        return reply(`Updated session ${session.id} (${label(updated)}).`, {
          ...info,
          system: updated.system,
        });
      },
    }),

    defineTool({
      name: "session_clear",
      toolset: "manage",
      description:
        "Empty the current session's history, state or both, and keep its id. This cannot be undone.",
      input: z.strictObject({ what: z.enum(["history", "state", "all"]).default("all") }),
      output: z.object({ cleared: z.enum(["history", "state", "all"]) }),
      annotations: REPLACES,
      frees: true,
      response: "json",
      async handler({ input, session }) {
        const existed = session.info !== undefined;
        await session.clear(input.what);
        const what = input.what === "all" ? "history and state" : input.what;
        // Leave out the id of a session that never existed.
        return reply(
          existed
            ? `Cleared ${what} of session ${session.id}.`
            : "There was nothing stored to clear.",
          { cleared: input.what },
        );
      },
    }),

    defineTool({
      name: "session_delete",
      toolset: "manage",
      description:
        "Delete the current session with its whole history and state. This cannot be undone.",
      input: z.strictObject({}),
      output: z.object({ deleted: z.boolean() }),
      annotations: REPLACES,
      frees: true,
      deletesSession: true,
      response: "json",
      async handler({ session }) {
        const existed = session.info !== undefined;
        await session.delete();
        return reply(
          existed ? `Deleted session ${session.id}.` : "There was nothing stored to delete.",
          {
            deleted: existed,
          },
        );
      },
    }),
  ];
}

// The tool that finds messages, in one session or in all sessions that the caller may read.
import { z } from "zod";
import type { Hit } from "../../chat/history-search.ts";
import { byOther, ROLES, transcriptLine } from "../../chat/message.ts";
import { counted } from "../../lib/text/plural.ts";
import { inOneLine, quoted, wordOrQuoted } from "../../lib/text/quoted.ts";
import type { Access } from "../../sessions/session.ts";
import type { OwnSessions } from "../session/own-sessions.ts";
import { defineTool, type Tool } from "../tool.ts";
import { READS } from "./annotations.ts";
import { author } from "./history-tools.ts";
import { reply } from "./reply.ts";

type Scope = "session" | "all";

const NOTHING: Record<Scope, string> = {
  session:
    'Nothing in this session matches. Try other words, or scope "all" to search all your sessions.',
  all: "Nothing in your sessions matches. Try other or fewer words; session_list shows your sessions.",
};

export function searchTool(): Tool {
  return defineTool({
    name: "history_search",
    toolset: "core",
    description:
      "Find earlier messages by their words, the best first. Call it when something said before may help; scope `all` " +
      "searches all your sessions and those shared with you.",
    input: z.strictObject({
      query: z.string().describe("Plain words, no syntax."),
      scope: z.enum(["session", "all"]).default("session"),
      limit: z.int().min(1).max(50).default(10),
    }),
    output: z.object({
      hits: z.array(
        z.object({
          session: z.string(),
          title: z.string().nullable(),
          owner: z.string(),
          access: z.enum(["read", "write", "own"]).describe("What you may do with that session."),
          seq: z.int(),
          role: z.enum(ROLES),
          author: author.optional(),
          snippet: z.string(),
          score: z.number().describe("Higher is better; only to be compared within one result."),
        }),
      ),
      more: z.boolean().describe("Whether others match too, less well."),
    }),
    annotations: READS,
    session: ({ scope }) => (scope === "all" ? "optional" : "required"),
    response: "json",
    async handler({ input: { query, scope, limit }, session, sessions }) {
      const oneMore = limit + 1;
      const found =
        scope === "all" || session === undefined
          ? await sessions.search(query, oneMore)
          : await session.history.search(query, oneMore);
      const more = found.length > limit;
      const hits = await withStanding(found.slice(0, limit), sessions);
      return reply(hits.length === 0 ? NOTHING[scope] : told(hits, scope, more), {
        hits: hits.map(({ author, ...hit }) => ({ ...hit, ...(author !== null && { author }) })),
        more,
      });
    },
  });
}

type Told = Hit & { owner: string; access: Access };

/** Adds owner and access to each hit. Leaves out sessions that were deleted or unshared meanwhile. */
async function withStanding(hits: readonly Hit[], sessions: OwnSessions): Promise<Told[]> {
  const ids = [...new Set(hits.map(({ session }) => session))];
  const standings = new Map(
    await Promise.all(ids.map(async (id) => [id, await sessions.standing(id)] as const)),
  );
  return hits.flatMap((hit) => {
    const found = standings.get(hit.session);
    return found === undefined
      ? []
      : [{ ...hit, owner: found.owner, access: found.access ?? "own" }];
  });
}

function told(hits: readonly Told[], scope: Scope, more: boolean): string {
  const lines = hits.map((hit) => {
    const { session, title, owner, access, seq, role, snippet } = hit;
    const by = byOther(hit, owner);
    const whose = access === "own" ? "" : ` of ${wordOrQuoted(owner)}`;
    const where =
      scope === "all" ? `session ${session}${title ? ` (${quoted(title)})` : ""}${whose} ` : "";
    return where + transcriptLine({ seq, role }, inOneLine(snippet), [by]);
  });
  const count = counted(hits.length, "message", "messages, the best first");
  const others = more ? "; more match less well" : "";
  return [
    `${count}${others}. history_get with a \`before\` above its number shows what was said around it.`,
    ...lines,
  ].join("\n");
}

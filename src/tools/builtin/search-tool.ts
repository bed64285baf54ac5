// The tool that finds messages, in one session or in all sessions that the caller may read.
import { z } from "zod";
import type { FoundFact, Hit } from "../../chat/history-search.ts";
import { byOther, ROLES, transcriptLine } from "../../chat/message.ts";
import { isoTime } from "../../lib/clock.ts";
import { counted } from "../../lib/text/plural.ts";
import { inOneLine, quoted, wordOrQuoted } from "../../lib/text/quoted.ts";
import { shortened } from "../../lib/text/text.ts";
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

const NO_MESSAGE: Record<Scope, string> = {
  session: "No message in this session matches, but facts of its state do.",
  all: "No message in your sessions matches, but facts of their states do.",
};

const MAX_EXCLUDED = 20;
const MAX_FACTS = 5;
const MAX_VALUE_BYTES = 500;
const MARK = "…";
const NOTHING_WANTED =
  "Nothing was searched for: `query` takes words. history_get reads the newest messages.";

export function searchTool(): Tool {
  return defineTool({
    name: "history_search",
    toolset: "core",
    description:
      "Find earlier messages, and facts of the state, by their words, the best first. Call it when something said before may " +
      "help; scope `all` searches all your sessions and those shared with you.",
    input: z.strictObject({
      query: z
        .string()
        .default("")
        .describe('Words or a question. "a phrase" must be there as it is, -word must not.'),
      scope: z.enum(["session", "all"]).default("session"),
      role: z.enum(ROLES).optional(),
      after: z.string().optional().describe("A day or time: 2026-03-31."),
      before: z.string().optional(),
      title: z.string().optional(),
      exclude: z.array(z.string()).max(MAX_EXCLUDED).optional(),
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
      notice: z.string().optional().describe("Why the search was not complete."),
      facts: z
        .array(
          z.object({
            session: z.string(),
            title: z.string().nullable(),
            key: z.string(),
            value: z.string().describe("Text, or JSON; the beginning of a long one."),
            updated_at: z.string(),
          }),
        )
        .optional()
        .describe("Facts of the state that match: state_get reads them whole."),
    }),
    annotations: READS,
    session: ({ scope }) => (scope === "all" ? "optional" : "required"),
    response: "json",
    async handler({ input: { query, scope, limit, ...wanted }, session, sessions }) {
      const isEmpty = [query, ...Object.values(wanted)].every((one) => !one?.length);
      // Not an error: every argument is optional by its schema, and strict programs send each as null or "".
      if (isEmpty) return reply(NOTHING_WANTED, { hits: [], more: false });
      const place = scope === "all" || session === undefined ? sessions : session.history;
      let notice: string | undefined;
      const found = await place.search(query, limit + 1, wanted, (text) => (notice = text));
      const facts = await place.facts(query, MAX_FACTS, wanted);
      const more = found.length > limit;
      const hits = await withStanding(found.slice(0, limit), sessions);
      const lines = [
        hits.length === 0
          ? (facts.length === 0 ? NOTHING : NO_MESSAGE)[scope]
          : told(hits, scope, more),
        ...facts.map((fact) => toldFact(fact, scope)),
        ...(notice === undefined ? [] : [notice]),
      ];
      return reply(lines.join("\n"), {
        hits: hits.map(({ author, createdAt: _, ...hit }) => ({
          ...hit,
          ...(author !== null && { author }),
        })),
        more,
        ...(notice !== undefined && { notice }),
        ...(facts.length > 0 && {
          facts: facts.map(({ updatedAt, value, ...fact }) => ({
            ...{ ...fact, value: shortened(value, MAX_VALUE_BYTES, MARK) },
            updated_at: isoTime(updatedAt),
          })),
        }),
      });
    },
  });
}

/** One line that says that this is a fact, and not a message. */
function toldFact({ session, title, key, value }: FoundFact, scope: Scope): string {
  const where = scope === "all" ? `session ${session}${title ? ` (${quoted(title)})` : ""} ` : "";
  return `${where}state ${wordOrQuoted(key)}: ${shortened(inOneLine(value), MAX_VALUE_BYTES, MARK)}`;
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

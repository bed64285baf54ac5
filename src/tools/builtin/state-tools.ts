// Tools for a session's key/value state.
import { z } from "zod";
import { jsonArgument, jsonResult } from "../../definitions/json-schema.ts";
import { isoTime } from "../../lib/clock.ts";
import { decodeCursor, encodeCursor } from "../../lib/cursor.ts";
import { jsonLine, quoted, wordOrQuoted } from "../../lib/text/quoted.ts";
import type { StateEntry } from "../../state/store.ts";
import { optionalText } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import { READS, REPLACES } from "./annotations.ts";
import { reply } from "./reply.ts";

const key = z.string().describe("Short name, such as user.city.");
const ifVersion = z
  .int()
  .min(0)
  .optional()
  .describe("Only if the key has this version now; 0: only if it is not set.");

const entryShape = {
  key: z.string(),
  value: jsonResult(),
  version: z.int(),
  updated_at: z.string(),
  expires_at: z.string().nullable(),
};

const toEntry = ({ key, value, version, updatedAt, expiresAt }: StateEntry) => ({
  key,
  value: JSON.parse(value) as unknown,
  version,
  updated_at: isoTime(updatedAt),
  expires_at: isoTime(expiresAt),
});

/** A cursor: the last key of a page. */
const Position = z.tuple([z.string()]);

export function stateTools(): Tool[] {
  return [
    defineTool({
      name: "state_get",
      toolset: "core",
      description:
        "Recall one value, such as a fact or a preference that was saved with state_set.",
      input: z.strictObject({ key }),
      output: z.object({
        found: z.boolean(),
        ...z.object(entryShape).partial().shape,
        key: z.string(),
      }),
      annotations: READS,
      response: "json",
      async handler({ input, session }) {
        const entry = await session.state.entry(input.key);
        if (entry === undefined)
          return reply(`${wordOrQuoted(input.key)} is not set.`, { found: false, key: input.key });
        return reply(entry.value, { found: true, ...toEntry(entry) });
      },
    }),

    defineTool({
      name: "state_set",
      toolset: "core",
      description:
        "Save a fact, a preference or a decision under a key, to have it in later conversations too. Replaces the key's value.",
      input: z.strictObject({
        key,
        value: jsonArgument("Any JSON value."),
        ttl_seconds: z
          .number()
          .min(0.001)
          .max(3_153_600_000)
          .optional()
          .describe("Forget it after this long."),
        if_version: ifVersion,
      }),
      output: z.object({
        key: z.string(),
        version: z.int(),
        updated_at: z.string(),
        expires_at: z.string().nullable(),
      }),
      annotations: REPLACES,
      response: "json",
      async handler({ input, session }) {
        const { ttl_seconds: ttlSeconds, if_version: ifVersion } = input;
        const entry = await session.state.set(input.key, input.value, { ttlSeconds, ifVersion });
        const { value: _, ...stored } = toEntry(entry);
        return reply(`Stored ${wordOrQuoted(entry.key)} (version ${entry.version}).`, stored);
      },
    }),

    defineTool({
      name: "state_delete",
      toolset: "manage",
      description: "Forget a value that was saved with state_set.",
      input: z.strictObject({ key, if_version: ifVersion }),
      output: z.object({ key: z.string(), deleted: z.boolean() }),
      annotations: REPLACES,
      frees: true,
      response: "json",
      async handler({ input, session }) {
        const deleted = await session.state.delete(input.key, input.if_version);
        return reply(
          deleted
            ? `Deleted ${wordOrQuoted(input.key)}.`
            : `${wordOrQuoted(input.key)} was not set.`,
          {
            key: input.key,
            deleted,
          },
        );
      },
    }),

    defineTool({
      name: "state_list",
      toolset: "core",
      description:
        "List what was saved with state_set. Call it when a conversation begins, or when you do not know the key.",
      input: z.strictObject({
        prefix: z.string().default("").describe("Only keys that start with this."),
        limit: z
          .int()
          .min(1)
          .max(1000)
          .default(100)
          .describe("A page with large values has fewer: it ends at about 1 MB."),
        cursor: optionalText("`next_cursor` of the page before."),
      }),
      output: z.object({
        entries: z.array(z.object(entryShape)),
        next_cursor: z.string().optional(),
      }),
      annotations: READS,
      response: "json",
      async handler({ input, session }) {
        const { prefix, limit, cursor } = input;
        const after = cursor === undefined ? "" : decodeCursor("state", Position, cursor)[0];
        const { entries, nextAfter } = await session.state.list({ prefix, limit, after });
        const lines = entries.map(
          ({ key, value, version }) =>
            `${wordOrQuoted(key)} = ${jsonLine(value)} (version ${version})`,
        );
        const empty =
          prefix === ""
            ? "Nothing is stored yet. Use state_set."
            : `No key starts with ${quoted(prefix)}.`;
        const more = nextAfter === undefined ? [] : ["More: pass next_cursor as cursor."];
        return reply([...(lines.length > 0 ? lines : [empty]), ...more].join("\n"), {
          entries: entries.map(toEntry),
          ...(nextAfter !== undefined && { next_cursor: encodeCursor("state", [nextAfter]) }),
        });
      },
    }),
  ];
}

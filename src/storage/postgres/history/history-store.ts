// Histories in PostgreSQL: one row a message. Not here: chat turns (turn-store.ts), search (search-store.ts).
import type { HistoryStore } from "../../../chat/store.ts";
import { onPage } from "../../../lib/page.ts";
import type { PartsFiller } from "../../search/parts-filler.ts";
import { publicPart, sameRequest } from "../../shared/messages.ts";
import type { Engine } from "../engine/engine.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import type { Usage } from "../limits/usage.ts";
import { postgresSearch } from "../search/search-store.ts";
import { messageStatements } from "./message-rows.ts";
import { summaryStatements } from "./summary-rows.ts";
import { postgresTurns } from "./turn-store.ts";

export function postgresHistoryStore(
  engine: Engine,
  maxMessages: number,
  usage: Usage,
  access: WriteAccess,
  parts?: PartsFiller,
): HistoryStore {
  const statements = messageStatements(engine, maxMessages, usage);
  const summaries = summaryStatements(engine);

  return {
    append: (sessionId, { by, ...message }) =>
      engine.writeSharing(sessionId, async () => {
        const { requestKey, role } = message;
        const author = by?.id ?? null;
        const [, stored] = await Promise.all([
          // Models take system messages as orders, which only the owner may give.
          role === "system" ? access.own(by, sessionId) : access.modify(by, sessionId),
          requestKey === undefined
            ? undefined
            : statements.byKey.get({ sessionId, requestKey, role, author }),
        ]);
        const row =
          sameRequest(stored, message) ??
          (await statements.add(
            sessionId,
            { ...message, requestKey: requestKey ?? null, author, status: "complete" },
            { entitles: true },
          ));
        return publicPart(row);
      }),

    page: (sessionId, { before = Number.MAX_SAFE_INTEGER, ...bounds }) =>
      engine.read(async () => {
        const limit = bounds.limit + 1;
        const sizes = await statements.sizes.all({ sessionId, limit, before });
        const count = onPage(
          sizes.map(({ bytes }) => bytes),
          bounds,
        );
        if (count === 0) return { messages: [] };
        const [last, first] = [sizes[0]!.seq, sizes[count - 1]!.seq];
        const messages = await statements.between.all({ sessionId, first, last });
        return { messages, ...(count < sizes.length && { nextBefore: first }) };
      }),

    search: postgresSearch(engine, parts),

    summary: (sessionId) => engine.read(() => summaries.get(sessionId)),

    ...postgresTurns(engine, statements, summaries, access),
  };
}

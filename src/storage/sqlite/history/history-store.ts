// Histories in SQLite: one row a message. Not here: chat turns (turn-store.ts), search (search-store.ts).
import type { HistoryStore } from "../../../chat/store.ts";
import { onPage } from "../../../lib/page.ts";
import type { PartsFiller } from "../../search/parts-filler.ts";
import { publicPart, sameRequest } from "../../shared/messages.ts";
import type { Engine } from "../engine/engine.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import type { Usage } from "../limits/usage.ts";
import { sqliteSearch } from "../search/search-store.ts";
import { messageStatements } from "./message-rows.ts";
import { summaryStatements } from "./summary-rows.ts";
import { sqliteTurns } from "./turn-store.ts";

export function sqliteHistoryStore(
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
      engine.write(() => {
        // Models take system messages as orders, which only the owner may give.
        if (message.role === "system") access.own(by, sessionId);
        else access.modify(by, sessionId);
        const { requestKey } = message;
        const stored =
          requestKey === undefined
            ? undefined
            : statements.byKey.get({
                ...{ sessionId, requestKey, role: message.role, author: by?.id ?? null },
              });
        const row =
          sameRequest(stored, message) ??
          statements.add(
            sessionId,
            {
              ...message,
              requestKey: requestKey ?? null,
              author: by?.id ?? null,
              status: "complete",
            },
            { entitles: true },
          );
        return publicPart(row);
      }),

    page: (sessionId, { before = Number.MAX_SAFE_INTEGER, ...bounds }) =>
      engine.readDurable(() => {
        const limit = bounds.limit + 1;
        const sizes = statements.sizes.all({ sessionId, limit, before });
        const count = onPage(
          sizes.map(({ bytes }) => bytes),
          bounds,
        );
        if (count === 0) return { messages: [] };
        const [last, first] = [sizes[0]!.seq, sizes[count - 1]!.seq];
        const messages = statements.between.all({ sessionId, first, last });
        return { messages, ...(count < sizes.length && { nextBefore: first }) };
      }),

    search: sqliteSearch(engine, parts),

    summary: (sessionId) => engine.readDurable(() => summaries.get(sessionId)),

    ...sqliteTurns(engine, statements, summaries, access),
  };
}

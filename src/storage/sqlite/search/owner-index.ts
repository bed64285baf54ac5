// The owners of messages in the full-text index. A session that changes hands is indexed anew in batches: before that for both
// owners, and after it for the new one alone.
import { and, asc, eq, gt, sql } from "drizzle-orm";
import { uncleared } from "../../shared/messages.ts";
import type { Engine } from "../engine/engine.ts";
import { BRISK, inBatches } from "../engine/expiring.ts";
import { lazily } from "../engine/statements.ts";
import { messages } from "../schema/schema.ts";
import type { IndexMerge } from "./index-merge.ts";
import { partsEnds } from "./parts-index.ts";

const { placeholder } = sql;

/** Number of messages that are indexed anew within the gift itself. */
const FEW = 50;
/** Number of messages after which the index is looked after. */
const MERGE_EVERY = 5_000;

export type OwnerIndex = ReturnType<typeof sqliteOwnerIndex>;

function statements({ db }: Engine) {
  const ofSession = and(eq(messages.sessionId, placeholder("id")), uncleared(placeholder("id")));
  return lazily({
    next: () =>
      db
        .select({ seq: messages.seq })
        .from(messages)
        .where(and(ofSession, gt(messages.seq, placeholder("after"))))
        .orderBy(asc(messages.seq))
        .limit(placeholder("limit"))
        .prepare(),
  });
}

export function sqliteOwnerIndex(engine: Engine, index: IndexMerge) {
  const { db } = engine;
  const q = statements(engine);

  /** Runs inside a write: the last number of the messages that it has indexed, and how many they were. */
  const indexSome = (id: string, owners: readonly string[], after: number, limit: number) => {
    const seqs = q.next.all({ id, after, limit });
    const last = seqs.at(-1)?.seq ?? after;
    const range = sql`session_id = ${id} and seq > ${after} and seq <= ${last}
      and seq > coalesce((select cleared_seq from history_gaps where session_id = ${id}), 0)`;
    const scopes = sql.join(
      owners.map((owner) => sql`search_scope(session_id, ${owner})`),
      sql` || ' ' || `,
    );
    const parts = sql.join(
      owners.map((owner) => sql`parts_scope(session_id, ${owner})`),
      sql` || ' ' || `,
    );
    db.run(sql`delete from messages_fts where rowid in (select id from messages where ${range})`);
    db.run(sql`insert into messages_fts(rowid, content, scope)
      select id, search_text(content), ${scopes} from messages where ${range}`);
    // Only between the ends of the second index: it is filled beyond them, and would never be filled between them.
    const ends = partsEnds(engine);
    db.run(
      sql`delete from messages_fts_parts where rowid in (select id from messages where ${range})`,
    );
    db.run(sql`insert into messages_fts_parts(rowid, tokens)
      select id, search_parts(content) || ' ' || ${parts} from messages
      where ${range} and id between ${ends.first} and ${ends.last}`);
    return { last, count: seqs.length };
  };

  return {
    /** Indexes the session's messages for these owners, and nobody else; resolves to the last number. */
    async indexFor(id: string, owners: readonly string[]): Promise<number> {
      let [after, reached] = [0, 0];
      const act = (limit: number): number => {
        const { last, count } = indexSome(id, owners, after, limit);
        reached = last;
        return count;
      };
      let unmerged = 0;
      const then = async (rows: number): Promise<void> => {
        after = reached; // not earlier: a batch may run twice, when its commit had to wait
        unmerged += rows;
        if (unmerged < MERGE_EVERY) return;
        await index.merge({ moreFollow: true });
        unmerged = 0;
      };
      await inBatches(engine, act, { pace: BRISK, then });
      return reached;
    },
    /** Runs inside a write: the same at once, for messages behind `after`. */
    indexRest: (id: string, owner: string, after: number): void =>
      void indexSome(id, [owner], after, Number.MAX_SAFE_INTEGER),
    /** Runs inside a read: true for a session that takes several batches. */
    isLarge: (id: string): boolean => q.next.all({ id, after: 0, limit: FEW }).length === FEW,
  };
}

// Vectors of messages in SQLite. Like the second index, they grow from the newest message to newer ones, then to older ones.
import { type SQL, sql } from "drizzle-orm";
import type { VectorStore } from "../../../chat/store.ts";
import { bytesOf, EMBEDDED_CHARACTERS, inScope, vectorOf } from "../../search/vectors.ts";
import type { Engine } from "../engine/engine.ts";
import { searchRows } from "./search-rows.ts";

export function sqliteVectors(engine: Engine): VectorStore {
  const { db } = engine;
  const rows = searchRows(engine);
  return {
    unembedded: (model, limit) =>
      engine.readNow(() => {
        const ends = db.get<{ first: number | null; last: number | null }>(
          sql`select (select min(message_id) from message_vectors where model = ${model}) as first,
            (select max(message_id) from message_vectors where model = ${model}) as last`,
        );
        const select = (bounds: SQL): { id: number; content: string }[] =>
          db.all(sql`select id, substr(content, 1, ${EMBEDDED_CHARACTERS}) as content
            from messages ${bounds} limit ${limit}`);
        if (ends.last === null) return select(sql`order by id desc`);
        const newer = select(sql`where id > ${ends.last} order by id`);
        return newer.length > 0 ? newer : select(sql`where id < ${ends.first} order by id desc`);
      }),
    add: (model, vectors) =>
      engine.writeRelaxed(() => {
        for (const { id, vector } of vectors)
          db.run(sql`insert into message_vectors (message_id, model, vector)
            select id, ${model}, ${bytesOf(vector)} from messages where id = ${id} on conflict do nothing`);
      }),
    forgetOthers: (model, limit) =>
      engine.writeRelaxed(
        () =>
          db.run(sql`delete from message_vectors where id in
            (select id from message_vectors where model <> ${model} limit ${limit})`).changes,
      ),
    after: (scope, model, after, limit) =>
      engine.readNow(() =>
        db
          .all<{ seq: number; id: number; vector: Buffer }>(
            sql`select message_vectors.id as seq, message_id as id, vector from message_vectors
              join messages on messages.id = message_id
              where message_vectors.id > ${after} and message_vectors.model = ${model} and ${inScope(scope)}
              order by message_vectors.id limit ${limit}`,
          )
          .map(({ vector, ...row }) => ({ ...row, vector: vectorOf(vector) })),
      ),
    messages: (scope, ids) =>
      engine.readDurable(() => {
        const found = ids.flatMap((id) => {
          const row = rows.found(id) as Awaited<ReturnType<typeof rows.found>>;
          return row === undefined ? [] : [row];
        });
        const visible =
          "session" in scope
            ? new Set([scope.session])
            : (rows.visible(
                scope.principal,
                new Set(found.map(({ session }) => session)),
              ) as Set<string>);
        return found
          .filter(({ session }) => visible.has(session))
          .map(({ session, title, ...message }) => ({ session, title, message, score: 1 }));
      }),
  };
}

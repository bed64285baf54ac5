// Vectors of messages in PostgreSQL. Like the second index, they grow from the newest message to newer ones, then to older ones.
import { type SQL, sql } from "drizzle-orm";
import type { VectorStore } from "../../../chat/store.ts";
import { bytesOf, EMBEDDED_CHARACTERS, inScope, UNSURE, vectorOf } from "../../search/vectors.ts";
import type { Engine } from "../engine/engine.ts";
import { searchRows } from "./search-store.ts";

export function postgresVectors(engine: Engine): VectorStore {
  const { db } = engine;
  const rows = searchRows(engine);
  return {
    unembedded: (model, limit) =>
      engine.read(async () => {
        const ends = await db.execute<{ first: string | null; last: string | null }>(
          sql`select min(message_id) as first, max(message_id) as last from message_vectors where model = ${model}`,
        );
        const { first, last } = ends.rows[0]!;
        const select = async (bounds: SQL) => {
          const found = await db.execute<{ id: string; content: string }>(
            sql`select id, left(content, ${EMBEDDED_CHARACTERS}::int) as content from messages ${bounds} limit ${limit}::int`,
          );
          return found.rows.map(({ id, content }) => ({ id: Number(id), content }));
        };
        if (last === null) return select(sql`order by id desc`);
        const newer =
          await select(sql`where id > ${last}::bigint - ${UNSURE}::bigint and id >= ${first}::bigint
          and not exists (select 1 from message_vectors where message_id = messages.id and model = ${model}) order by id`);
        return newer.length > 0 ? newer : select(sql`where id < ${first}::bigint order by id desc`);
      }),
    add: (model, vectors) =>
      engine.writeRelaxed(async () => {
        for (const { id, vector } of vectors)
          await db.execute(sql`insert into message_vectors (message_id, model, vector)
            select id, ${model}, ${bytesOf(vector)} from messages where id = ${id} on conflict do nothing`);
      }),
    forgetOthers: (model, limit) =>
      engine.writeRelaxed(async () => {
        const gone = await db.execute(sql`delete from message_vectors where id in
          (select id from message_vectors where model <> ${model} limit ${limit}::int)`);
        return gone.rowCount ?? 0;
      }),
    after: (scope, model, after, limit) =>
      engine.read(async () => {
        const found = await db.execute<{ seq: string; id: string; vector: Buffer }>(
          sql`select message_vectors.id as seq, message_id as id, vector from message_vectors
            join messages on messages.id = message_id
            where message_vectors.id > ${after} and message_vectors.model = ${model} and ${inScope(scope)}
            order by message_vectors.id limit ${limit}::int`,
        );
        return found.rows.map(({ seq, id, vector }) => ({
          ...{ seq: Number(seq), id: Number(id), vector: vectorOf(vector) },
        }));
      }),
    messages: (scope, ids) =>
      engine.read(async () => {
        const all = await Promise.all(ids.map(async (id) => rows.found(id)));
        const found = all.flatMap((row) => (row === undefined ? [] : [row]));
        const places = new Set(found.map(({ session }) => session));
        const visible =
          "session" in scope
            ? new Set([scope.session])
            : await rows.visible(scope.principal, places);
        return found
          .filter(({ session }) => visible.has(session))
          .map(({ session, title, ...message }) => ({ session, title, message, score: 1 }));
      }),
  };
}

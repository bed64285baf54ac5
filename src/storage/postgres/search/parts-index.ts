// The second full-text index, `message_parts`: what is found inside of words and beside them (search/parts.ts). It is filled from
// the newest message it has to newer ones, then from the oldest to older ones.
import { sql } from "drizzle-orm";
import { partsOf } from "../../../search/parts.ts";
import type { Fill } from "../../search/parts-filler.ts";
import type { Engine } from "../engine/engine.ts";

/** A number is given before its message is committed: so many below the newest may still be missing. */
const UNSURE = 1_000;
const STEP_CHARACTERS = 200_000;

interface Missing {
  id: string;
  content: string;
}

export function partsFill(engine: Engine): Fill {
  const { db } = engine;
  const missing = async (limit: number): Promise<{ found: Missing[]; areNew: boolean }> => {
    const ends = await db.execute<{ first: string | null; last: string | null }>(
      sql`select min(message_id) as first, max(message_id) as last from message_parts`,
    );
    const { first, last } = ends.rows[0]!;
    const select = async (bounds: ReturnType<typeof sql>): Promise<Missing[]> =>
      (
        await db.execute<{ id: string; content: string }>(
          sql`select id, left(content, ${STEP_CHARACTERS}::int) as content from messages ${bounds} limit ${limit}::int`,
        )
      ).rows;
    if (last === null) return { found: await select(sql`order by id desc`), areNew: false };
    const newer = await select(sql`where id > ${last}::bigint - ${UNSURE}::bigint and not exists
      (select 1 from message_parts where message_id = messages.id) order by id`);
    if (newer.length > 0) return { found: newer, areNew: true };
    return {
      found: await select(sql`where id < ${first}::bigint order by id desc`),
      areNew: false,
    };
  };
  return async (limit) => {
    const { found, areNew } = await engine.read(() => missing(limit));
    if (found.length === 0) return { count: 0, areNew };
    const some: Missing[] = [];
    let characters = 0;
    for (const one of found) {
      characters += one.content.length;
      if (some.length > 0 && characters > STEP_CHARACTERS) break; // a gap would never be filled
      some.push(one);
    }
    const ids = some.map(({ id }) => id);
    const parts = some.map(({ content }) => [...partsOf(content)].join(" "));
    await engine.writeRelaxed(async () => {
      await db.execute(sql`insert into message_parts (message_id, parts)
        select messages.id, array_to_tsvector(array_remove(string_to_array(added.parts, ' '), ''))
        from unnest(${sql.param(ids)}::bigint[], ${sql.param(parts)}::text[]) as added(id, parts)
        join messages on messages.id = added.id on conflict do nothing`);
    });
    return { count: some.length, areNew };
  };
}

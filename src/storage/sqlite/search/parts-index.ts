// The second full-text index, `messages_fts_parts`: what is found inside of words and beside them (search/parts.ts). It is filled
// from the newest message it has to newer ones, then from the oldest to older ones, so that the ends say what is missing.
import { type SQL, sql } from "drizzle-orm";
import type { Fill, Filled } from "../../search/parts-filler.ts";
import type { Engine } from "../engine/engine.ts";

/** Bytes of text of one step, but for a single larger message. */
const STEP_BYTES = 200_000;

/** Selects the tokens of messages, and of those who may find them. */
export const PARTS_ROWS = sql`select messages.id,
  search_parts(messages.content) || ' ' || parts_scope(messages.session_id, sessions.owner)
  from messages join sessions on sessions.id = messages.session_id`;

interface Size {
  id: number;
  bytes: number;
}

/** The oldest and the newest message in the index; null in an empty one. */
export const partsEnds = ({ db }: Engine) =>
  db.get<{ first: number | null; last: number | null }>(
    sql`select (select min(id) from messages_fts_parts_docsize) as first,
      (select max(id) from messages_fts_parts_docsize) as last`,
  );

export function partsFill(engine: Engine): Fill {
  const { db } = engine;
  const next = (limit: number): { sizes: Size[]; areNew: boolean } => {
    const ends = partsEnds(engine);
    const sizes = (bounds: SQL): Size[] =>
      db.all(sql`select id, octet_length(content) as bytes from messages ${bounds} limit ${limit}`);
    if (ends.last === null) return { sizes: sizes(sql`order by id desc`), areNew: false };
    const newer = sizes(sql`where id > ${ends.last} order by id`);
    if (newer.length > 0) return { sizes: newer, areNew: true };
    return { sizes: sizes(sql`where id < ${ends.first} order by id desc`), areNew: false };
  };
  const fill = (limit: number): Filled => {
    const ids: number[] = [];
    let bytes = 0;
    const { sizes, areNew } = next(limit);
    for (const one of sizes) {
      bytes += one.bytes;
      if (ids.length > 0 && bytes > STEP_BYTES) break; // a gap would never be filled
      ids.push(one.id);
    }
    if (ids.length > 0)
      db.run(sql`insert into messages_fts_parts(rowid, tokens) ${PARTS_ROWS}
        where messages.id in (select value from json_each(${JSON.stringify(ids)})) order by messages.id`);
    return { count: ids.length, areNew };
  };
  return async (limit) => {
    const isComplete = await engine.readNow(() => next(1).sizes.length === 0);
    return isComplete ? { count: 0, areNew: false } : engine.writeRelaxed(() => fill(limit));
  };
}

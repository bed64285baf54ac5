// The column types of the tables in PostgreSQL.
import { bigint, customType } from "drizzle-orm/pg-core";

/** Text in the order of its bytes, whatever the database's language is. */
export const text = customType<{ data: string }>({ dataType: () => 'text collate "C"' });

/** JSON as it was written: PostgreSQL's own types would change its spelling. */
const jsonText = customType<{ data: unknown }>({
  dataType: () => 'text collate "C"',
  toDriver: (value) => JSON.stringify(value),
  fromDriver: (text) => JSON.parse(text as string) as unknown,
});

export const json = <T>(name?: string) =>
  (name === undefined ? jsonText() : jsonText(name)).$type<T>();

export const binary = customType<{ data: Buffer }>({ dataType: () => "bytea" });

/** An integer of 64 bits: a time, a number of bytes, a count. */
export const number = (name?: string) =>
  name === undefined ? bigint({ mode: "number" }) : bigint(name, { mode: "number" });

/** A number that the database gives. */
export const id = () => bigint({ mode: "number" }).primaryKey().generatedByDefaultAsIdentity();

/** Words of a full-text index, as src/storage/postgres/search/vector.ts writes them. */
export const wordVector = customType<{ data: string }>({ dataType: () => "tsvector" });

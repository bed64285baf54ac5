// Statements over Drizzle that keep their plan, and are prepared when they are first used: a command that needs three of
// them does not prepare them all.
import type { Statement } from "better-sqlite3";
import { Column, is, Param, Placeholder, SQL, Subquery } from "drizzle-orm";
import { BetterSQLite3Database, BetterSQLiteSession } from "drizzle-orm/better-sqlite3";
import { type SQLiteColumn, SQLiteSyncDialect } from "drizzle-orm/sqlite-core";
import type { Sqlite } from "./connection.ts";

type Built<T> = { readonly [K in keyof T]: T[K] extends () => infer R ? R : never };

/** An object whose properties are built by these functions, each once, when it is first read. */
export function lazily<T extends Record<string, () => unknown>>(builders: T): Built<T> {
  const built = {} as Record<string, unknown>;
  for (const [name, build] of Object.entries(builders)) {
    Object.defineProperty(built, name, {
      configurable: true,
      enumerable: true,
      get() {
        const value = build();
        Object.defineProperty(built, name, { value, enumerable: true });
        return value;
      },
    });
  }
  return built as Built<T>;
}

/**
 * Writes a parameter as `+?`. For a bare `?`, SQLite asks for the bound value while it plans, in LIMIT, in joins and
 * beside a second index; it then plans such a statement anew for each run, which takes ten times as long as the run.
 */
class StablePlans extends SQLiteSyncDialect {
  override escapeParam(): string {
    return "+?";
  }
}

type NoSchema = Record<string, never>;
type Session = BetterSQLiteSession<NoSchema, NoSchema>;
type Values = Record<string, unknown>;

/**
 * Looks at a statement's parameters and columns when it is prepared. Drizzle looks at them for each run, which takes half as
 * long as a short statement itself.
 */
class PreparedOnce extends BetterSQLiteSession<NoSchema, NoSchema> {
  override prepareQuery: Session["prepareQuery"] = (...given) => {
    const [query, fields = [], , , mapper] = given;
    const prepared = super.prepareQuery<never>(...given);
    // Nested rows, and those that Drizzle maps in a way of its own, stay with it.
    if (mapper !== undefined || fields.some(({ path }) => path.length > 1)) return prepared;
    const { stmt } = prepared as unknown as { stmt: Statement<unknown[], unknown[]> };
    const readers = query.params.map(readerOf);
    const fill = (values: Values = {}): unknown[] => readers.map((read) => read(values));
    const run = (values?: Values) => stmt.run(...fill(values));
    if (fields.length === 0) return Object.assign(prepared, { run });
    stmt.raw();
    const columns = fields.map(({ path, field }) => ({
      name: path[0]!,
      decoder: decoderOf(field),
    }));
    const toRow = (cells: unknown[]): Values => {
      const row: Values = {};
      for (const [i, { name, decoder }] of columns.entries()) {
        const cell = cells[i];
        row[name] = cell === null ? null : decoder.mapFromDriverValue(cell);
      }
      return row;
    };
    const get = (values?: Values) => {
      const cells = stmt.get(...fill(values));
      return cells && toRow(cells);
    };
    const all = (values?: Values) => stmt.all(...fill(values)).map(toRow);
    return Object.assign(prepared, { run, get, all });
  };
}

/** Reads a parameter from the values of a run. */
function readerOf(param: unknown): (values: Values) => unknown {
  if (is(param, Placeholder)) return named(param.name);
  if (!is(param, Param) || !is(param.value, Placeholder)) return () => param;
  const read = named(param.value.name);
  return (values) => param.encoder.mapToDriverValue(read(values));
}

const named =
  (name: string) =>
  (values: Values): unknown => {
    if (!(name in values)) throw new Error(`No value for placeholder "${name}" was provided`);
    return values[name];
  };

type Decoder = Pick<SQLiteColumn, "mapFromDriverValue">;
type Field = NonNullable<Parameters<Session["prepareQuery"]>[1]>[number]["field"];

function decoderOf(field: Field): Decoder {
  if (is(field, Column)) return field;
  const expression = is(field, SQL) ? field : is(field, Subquery) ? field._.sql : field.sql;
  return (expression as SQL & { decoder: Decoder }).decoder;
}

export function drizzleOf(sqlite: Sqlite): BetterSQLite3Database {
  const dialect = new StablePlans();
  const session = new PreparedOnce(sqlite, dialect, undefined);
  return new BetterSQLite3Database("sync", dialect, session, undefined);
}

// Statements of several callers that go to the database as one: those of a turn of the event loop that have the same text. Each
// one's values are a row of a list, for which the database runs the text.
import pg from "pg";
import { isConnectionLoss } from "./errors.ts";

type Result = pg.QueryResult;
type Statement = string | pg.QueryConfig;

/** Types of values, by their names in PostgreSQL. */
export type ValueTypes = Readonly<Record<string, "text" | "bigint" | "text[]">>;

/** A named statement in the form that takes a list of values. */
interface ListForm {
  name: string;
  text: string;
  /** The index of each column among the values of the single statement. */
  columns: readonly number[];
}

/** Longer values are sent as they are: within a list they would be written anew. */
const MAX_LENGTH = 16_384; // characters
const MAX_ROWS = 64;

/** By the name of the single statement. */
const listForms = new Map<string, ListForm>();

/**
 * Allows a named query to go together with others of its name. It has to read, or to do what it does inside a function of the
 * database. `values`: the name of each of its values, in order; a name may come several times.
 */
export function allowTogether(
  query: { name: string; text: string },
  values: readonly string[],
  types: ValueTypes,
): void {
  const names = [...new Set(values)];
  const columnOf = (n: string): string => `v${names.indexOf(values[Number(n) - 1]!)}`;
  const typeOf = (n: string): string => types[values[Number(n) - 1]!]!;
  // The planner does not look into a subquery for the length of a list: it would plan anew for each.
  const lists = names.map((_, at) => `(SELECT $${at + 1}::text[])`).join(", ");
  const columns = names.map((_, at) => `v${at}`).join(", ");
  // OFFSET 0 keeps each row's look by itself. Joined with the list, an empty table is read as a whole, and connections keep that
  // plan while the table grows.
  const found = query.text.replaceAll(
    /\$(\d+)/g,
    (_, n: string) => `given.${columnOf(n)}::${typeOf(n)}`,
  );
  listForms.set(query.name, {
    name: `${query.name}_together`,
    text: `SELECT given.at, found.* FROM unnest(${lists}) WITH ORDINALITY AS given (${columns}, at)
      CROSS JOIN LATERAL (${found} OFFSET 0) AS found`,
    columns: names.map((name) => values.indexOf(name)),
  });
}

interface Asked {
  values: readonly unknown[];
  done: PromiseWithResolvers<Result>;
}

export interface Group {
  statement: Statement;
  /** Set for one that others may join. */
  listForm: ListForm | undefined;
  asked: Asked[];
}

/** Statements that wait to be sent, in order. */
export class Together {
  #groups: Group[] = [];
  /** The place of the last statement of each operation. */
  readonly #last = new Map<unknown, number>();

  get isEmpty(): boolean {
    return this.#groups.length === 0;
  }

  /** Adds a statement, which runs behind the earlier ones of the same operation. */
  add(statement: Statement, operation?: unknown): Promise<Result> {
    const asked = { values: valuesOf(statement), done: Promise.withResolvers<Result>() };
    const listForm = listFormOf(statement);
    const from = this.#last.get(operation) ?? 0;
    const isFor = (group: Group, place: number): boolean =>
      place >= from && group.listForm === listForm && group.asked.length < MAX_ROWS;
    let at = listForm === undefined ? -1 : this.#groups.findIndex(isFor);
    if (at === -1) at = this.#groups.push({ statement, listForm, asked: [] }) - 1;
    this.#groups[at]!.asked.push(asked);
    if (operation !== undefined) this.#last.set(operation, at);
    return asked.done.promise;
  }

  /** Takes out all, in order. */
  take(): Group[] {
    const groups = this.#groups;
    this.#groups = [];
    this.#last.clear();
    return groups;
  }
}

/** Sends a group by `query`. Never rejects: who asked has the error. */
export async function sendGroup(
  { statement, listForm, asked }: Group,
  query: (statement: Statement) => Promise<Result>,
): Promise<void> {
  const each = (): Promise<void[]> =>
    Promise.all(
      asked.map(({ values, done }) =>
        query(
          typeof statement === "string" ? statement : { ...statement, values: [...values] },
        ).then(done.resolve, done.reject),
      ),
    );
  if (listForm === undefined || asked.length === 1) return void (await each());
  try {
    const { rows, ...result } = await query({
      ...(statement as pg.QueryConfig),
      ...{ name: listForm.name, text: listForm.text },
      values: listForm.columns.map((at) => asked.map(({ values }) => textOf(values[at] as Value))),
    });
    const found = asked.map((): unknown[] => []);
    for (const [at, ...row] of rows as [number, ...unknown[]][]) found[at - 1]!.push(row);
    for (const [at, { done }] of asked.entries())
      done.resolve({ ...result, rows: found[at]!, rowCount: found[at]!.length });
  } catch (error) {
    // The values of one may have failed all.
    if (error instanceof pg.DatabaseError && !isConnectionLoss(error)) await each();
    else for (const { done } of asked) done.reject(error);
  }
}

const valuesOf = (statement: Statement): readonly unknown[] =>
  typeof statement === "string" ? [] : (statement.values ?? []);

const listFormOf = (statement: Statement): ListForm | undefined =>
  typeof statement === "string" || !valuesOf(statement).every(isShort)
    ? undefined
    : listForms.get(statement.name ?? "");

const isShort = (value: unknown): boolean =>
  typeof value !== "string" || value.length <= MAX_LENGTH;

/** What a value may be: `ValueTypes` are of these. */
type Value = string | number | readonly string[] | null | undefined;

/** A value in PostgreSQL's spelling. */
function textOf(value: Value): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value !== "object") return String(value);
  return `{${value.map((part) => `"${part.replaceAll(/["\\]/g, "\\$&")}"`).join(",")}}`;
}

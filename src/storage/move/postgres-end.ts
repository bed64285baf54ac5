// A database on a server as an end of a move.
import type pg from "pg";
import { shownUrl } from "../../config/database-url.ts";
import { AppError } from "../../lib/errors.ts";
import { counted } from "../../lib/text/plural.ts";
import { codeOf, fromPostgres } from "../postgres/engine/errors.ts";
import { appliedVersion, migrate } from "../postgres/schema/migrate.ts";
import { migrations } from "../postgres/schema/migrations.ts";
import { wordsOf } from "../postgres/search/vector.ts";
import { cannotOpen, openListener } from "../postgres/server/pool.ts";
import { sessionToken } from "../search/tokens.ts";
import {
  type End,
  OWN_TABLES,
  PAGE,
  refuseFilled,
  type Row,
  type Table,
  TABLES,
  type Target,
  type Value,
} from "./tables.ts";

/** PostgreSQL takes at most 65,535 parameters a statement. */
const MAX_PARAMETERS = 30_000;
const ALIVE_MS = 30_000;

type Column = { name: string; type: string };

class PostgresEnd implements End {
  readonly place: string;
  protected readonly client: pg.Client;
  readonly #columns = new Map<string, Column[]>();

  constructor(place: string, client: pg.Client) {
    this.place = place;
    this.client = client;
  }

  async columns(table: Table): Promise<string[]> {
    return (await this.typed(table)).map(({ name }) => name);
  }

  async count({ name }: Table): Promise<number> {
    const [row] = await this.query<{ n: number }>(`SELECT count(*)::float8 AS n FROM "${name}"`);
    return row!.n;
  }

  async *rows(table: Table, columns: readonly string[]): AsyncGenerator<Row[]> {
    const types = new Map((await this.typed(table)).map(({ name, type }) => [name, type]));
    // The driver reads a bigint as text: its own would lose digits beyond 2 ** 53, which no column has.
    const list = columns.map((name) =>
      types.get(name) === "bigint" || types.get(name) === "integer"
        ? `"${name}"::float8 AS "${name}"`
        : types.get(name) === "boolean"
          ? `"${name}"::int AS "${name}"`
          : `"${name}"`,
    );
    const order = table.key.map((name) => `"${table.name}"."${name}"`).join(", ");
    await this.query(
      `DECLARE moved NO SCROLL CURSOR FOR SELECT ${list.join(", ")} FROM "${table.name}" ORDER BY ${order}`,
    );
    for (;;) {
      const page = await this.query<Row>(`FETCH ${PAGE} FROM moved`);
      if (page.length > 0) yield page;
      if (page.length < PAGE) break;
    }
    await this.query("CLOSE moved");
  }

  async close(): Promise<void> {
    await this.client.end(); // a transaction that is open is undone
  }

  protected async query<T>(text: string, values: unknown[] = []): Promise<T[]> {
    try {
      return (await this.client.query(text, values)).rows as T[];
    } catch (error) {
      throw failureOf(error, this.place);
    }
  }

  protected async typed({ name }: Table): Promise<Column[]> {
    const known = this.#columns.get(name);
    if (known !== undefined) return known;
    const columns = await this.query<Column>(
      // Where the search path finds the table, which need not be the schema for new ones.
      `SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
        WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
      [`"${name}"`],
    );
    this.#columns.set(name, columns);
    return columns;
  }
}

class PostgresTarget extends PostgresEnd implements Target {
  async insert(table: Table, columns: readonly string[], rows: readonly Row[]): Promise<void> {
    const types = new Map((await this.typed(table)).map(({ name, type }) => [name, type]));
    const most = Math.max(1, Math.floor(MAX_PARAMETERS / columns.length));
    const names = columns.map((name) => `"${name}"`).join(", ");
    for (let at = 0; at < rows.length; at += most) {
      const part = rows.slice(at, at + most);
      const values = part.flatMap((row) =>
        columns.map((name) => written(row[name] ?? null, types.get(name))),
      );
      const places = part.map((_, n) => placesOf(n * columns.length, columns.length));
      await this.query(
        `INSERT INTO "${table.name}" (${names}) VALUES ${places.join(", ")}`,
        values,
      );
    }
    if (table.name === "messages") await this.#index(rows);
  }

  async commit(): Promise<void> {
    await this.query(`UPDATE streams SET last_seq = greatest(pruned_seq,
      coalesce((SELECT max(seq) FROM stream_events WHERE stream_id = streams.id), 0))`);
    for (const { name } of TABLES.filter(({ numbered }) => numbered))
      await this.query(
        `SELECT setval(pg_get_serial_sequence('${name}', 'id'), coalesce(max(id), 1), max(id) IS NOT NULL) FROM "${name}"`,
      );
    await this.query("COMMIT");
    await this.query("ANALYZE");
  }

  async #index(messages: readonly Row[]): Promise<void> {
    const text = (value: Value | undefined): string => String(value);
    await this.query(
      `INSERT INTO message_words SELECT added.id, added.words::tsvector
          || array_to_tsvector(ARRAY[added.token, 'o' || encode(convert_to(owner, 'UTF8'), 'hex') || '0'])
        FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS added(id, words, token, session)
        JOIN sessions ON sessions.id = added.session`,
      [
        messages.map(({ id }) => id),
        messages.map(({ content }) => wordsOf(text(content))),
        messages.map(({ session_id: session }) => sessionToken(text(session))),
        messages.map(({ session_id: session }) => session),
      ],
    );
  }
}

/** A row that the target has already is from a server that began there meanwhile: the start of the move saw none. */
function failureOf(error: unknown, place: string): unknown {
  if (codeOf(error) !== "23505") return fromPostgres(error);
  return new AppError("conflict", `${place}: something else has written there meanwhile.`, {
    hint: "Nothing was stored. Stop every server on it, and move again.",
    cause: error,
  });
}

const written = (value: Value, type: string | undefined): unknown =>
  type === "boolean" && value !== null ? value === 1 : value;

/** `($7, $8, $9)` */
const placesOf = (before: number, count: number): string =>
  `(${Array.from({ length: count }, (_, n) => `$${before + n + 1}`).join(", ")})`;

async function opened<T>(
  url: string,
  make: (place: string, client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = openListener({ url });
  client.on("error", () => undefined); // the query that is under way tells it
  try {
    await client.connect();
    return await make(shownUrl(url), client);
  } catch (error) {
    await client.end().catch(() => undefined);
    throw cannotOpen(url, error);
  }
}

/** @throws AppError for a database without data, in use, or of another version */
export function postgresSource(url: string): Promise<End> {
  return opened(url, async (place, client) => {
    const version = await appliedVersion(client);
    if (version === null)
      throw new AppError("not_found", `${place}: there are no conversations here.`);
    if (version !== migrations.at(-1)!.createdAt)
      throw new AppError(
        "start",
        `${place}: another version of Holdfast has written this database.`,
        {
          hint: "Start the server on it once, and stop it.",
        },
      );
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    await refuseInstances(place, client);
    return new PostgresEnd(place, client);
  });
}

/** Heartbeats have the database's time; the clock of the machine that moves may differ. */
async function refuseInstances(place: string, client: pg.Client): Promise<void> {
  const { rows } = await client.query(
    `SELECT 1 FROM instances WHERE heartbeat_at > extract(epoch FROM clock_timestamp()) * 1000 - ${ALIVE_MS}`,
  );
  if (rows.length === 0) return;
  throw new AppError(
    "busy",
    `${place}: ${counted(rows.length, "process uses it", "processes use it")}.`,
    { hint: "Stop them first; one that was killed counts as gone after 30 seconds." },
  );
}

/** Makes the tables. @throws AppError `conflict` for a database with data, `busy` for one in use */
export function postgresTarget(url: string): Promise<Target> {
  return opened(url, async (place, client) => {
    await migrate(client);
    await client.query("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    await client.query(
      "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
    );
    // A server that starts from here on waits with its first heartbeat, and so with all it writes.
    await client.query("LOCK TABLE instances IN SHARE ROW EXCLUSIVE MODE");
    await refuseInstances(place, client);
    const isFilled = async (name: string): Promise<boolean> =>
      (await client.query(`SELECT 1 FROM "${name}" LIMIT 1`)).rows.length > 0;
    await refuseFilled(place, isFilled);
    for (const { name } of OWN_TABLES.toReversed()) await client.query(`DELETE FROM "${name}"`);
    return new PostgresTarget(place, client);
  });
}

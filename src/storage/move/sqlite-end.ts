// A data folder as an end of a move.
import { existsSync, rmSync } from "node:fs";
import { AppError } from "../../lib/errors.ts";
import { refuseInstances } from "../sqlite/admin/claim.ts";
import { databaseFile, SIDE_FILES } from "../sqlite/admin/files.ts";
import {
  cannotOpen,
  openConnection,
  openExisting,
  type Sqlite,
} from "../sqlite/engine/connection.ts";
import { expectOurs } from "../sqlite/engine/identity.ts";
import { appliedVersion, isBehind, migrate, refuseNewer } from "../sqlite/schema/migrate.ts";
import { keepSearchIndex } from "../sqlite/search/search-index.ts";
import {
  type End,
  OWN_TABLES,
  PAGE,
  refuseFilled,
  type Row,
  type Table,
  type Target,
} from "./tables.ts";

class SqliteEnd implements End {
  readonly place: string;
  protected readonly sqlite: Sqlite;

  constructor(file: string, sqlite: Sqlite) {
    this.place = file;
    this.sqlite = sqlite;
  }

  columns({ name }: Table): Promise<string[]> {
    const query = "SELECT name FROM pragma_table_info(?)";
    return this.run(() => this.sqlite.prepare<[string], string>(query).pluck().all(name));
  }

  count({ name }: Table): Promise<number> {
    const query = `SELECT count(*) FROM "${name}"`;
    return this.run(() => this.sqlite.prepare<[], number>(query).pluck().get()!);
  }

  async *rows({ name, key }: Table, columns: readonly string[]): AsyncGenerator<Row[]> {
    const query = `SELECT ${listed(columns)} FROM "${name}" ORDER BY ${listed(key)}`;
    const all = await this.run(() => this.sqlite.prepare<[], Row>(query).iterate());
    const next = (): Row[] => {
      const page: Row[] = [];
      while (page.length < PAGE) {
        const one = all.next() as IteratorResult<Row, undefined>;
        if (one.done) break;
        page.push(one.value);
      }
      return page;
    };
    for (let page = await this.run(next); page.length > 0; page = await this.run(next)) yield page;
  }

  /** @throws AppError with one line that names the file, also for a disk that is full or damaged */
  protected async run<T>(act: () => T): Promise<T> {
    try {
      return act();
    } catch (error) {
      throw cannotOpen(this.place, error);
    }
  }

  close(): Promise<void> {
    this.sqlite.close();
    return Promise.resolve();
  }
}

class SqliteTarget extends SqliteEnd implements Target {
  readonly #isNew: boolean;
  #committed = false;

  constructor(file: string, sqlite: Sqlite, { isNew }: { isNew: boolean }) {
    super(file, sqlite);
    this.#isNew = isNew;
  }

  insert({ name }: Table, columns: readonly string[], rows: readonly Row[]): Promise<void> {
    const values = columns.map((column) => `@${column}`).join(", ");
    const query = `INSERT INTO "${name}" (${listed(columns)}) VALUES (${values})`;
    return this.run(() => {
      const insert = this.sqlite.prepare(query);
      for (const row of rows) insert.run(row);
    });
  }

  async commit(): Promise<void> {
    await this.run(() => this.sqlite.exec("COMMIT"));
    this.#committed = true;
  }

  override async close(): Promise<void> {
    await super.close();
    if (this.#committed || !this.#isNew) return;
    for (const suffix of ["", ...SIDE_FILES]) rmSync(`${this.place}${suffix}`, { force: true });
  }
}

const listed = (columns: readonly string[]): string =>
  columns.map((column) => `"${column}"`).join(", ");

/** @throws AppError for a folder without data, in use, or of another version */
export function sqliteSource(folder: string): End {
  const file = databaseFile(folder);
  const sqlite = openExisting(file, { readonly: true });
  try {
    expectOurs(sqlite);
    refuseOlder(file, sqlite);
    refuseInstances(file, sqlite);
    sqlite.exec("BEGIN");
    return new SqliteEnd(file, sqlite);
  } catch (error) {
    sqlite.close();
    throw cannotOpen(file, error);
  }
}

/**
 * Makes the database of a folder, or takes one that was never used.
 * @throws AppError `conflict` for a folder with data, `busy` for one in use
 */
export async function sqliteTarget(folder: string): Promise<Target> {
  const file = databaseFile(folder);
  const isNew = !existsSync(file);
  const sqlite = openConnection(file);
  try {
    if (!isNew) refuseOlder(file, sqlite);
    migrate(sqlite);
    keepSearchIndex(sqlite);
    sqlite.exec("BEGIN IMMEDIATE");
    refuseInstances(file, sqlite);
    const isFilled = (name: string): boolean =>
      sqlite.prepare(`SELECT 1 FROM "${name}" LIMIT 1`).get() !== undefined;
    await refuseFilled(file, isFilled);
    for (const { name } of OWN_TABLES.toReversed()) sqlite.exec(`DELETE FROM "${name}"`);
    return new SqliteTarget(file, sqlite, { isNew });
  } catch (error) {
    sqlite.close();
    throw cannotOpen(file, error);
  }
}

function refuseOlder(file: string, sqlite: Sqlite): void {
  const version = appliedVersion(sqlite);
  refuseNewer(sqlite, version);
  if (version === null || !isBehind(version)) return;
  throw new AppError("start", `${file}: an older Holdfast has written this database.`, {
    hint: "Start the server on it once, which upgrades it, and stop it.",
  });
}

// A data folder as an end of a move.
import { existsSync, rmSync } from "node:fs";
import { AppError } from "../../lib/errors.ts";
import { refuseInstances } from "../sqlite/admin/claim.ts";
import { databaseFile, SIDE_FILES } from "../sqlite/admin/files.ts";
import { openConnection, openExisting, type Sqlite } from "../sqlite/engine/connection.ts";
import { expectOurs } from "../sqlite/engine/identity.ts";
import { appliedVersion, isBehind, migrate, refuseNewer } from "../sqlite/schema/migrate.ts";
import { keepSearchIndex } from "../sqlite/search/search-index.ts";
import { type End, PAGE, type Row, type Table, type Target } from "./tables.ts";

class SqliteEnd implements End {
  readonly place: string;
  protected readonly sqlite: Sqlite;

  constructor(file: string, sqlite: Sqlite) {
    this.place = file;
    this.sqlite = sqlite;
  }

  columns({ name }: Table): Promise<string[]> {
    const list = this.sqlite.prepare<[string], string>("SELECT name FROM pragma_table_info(?)");
    return Promise.resolve(list.pluck().all(name));
  }

  count({ name }: Table): Promise<number> {
    const count = this.sqlite.prepare<[], number>(`SELECT count(*) FROM "${name}"`);
    return Promise.resolve(count.pluck().get()!);
  }

  async *rows({ name, key }: Table, columns: readonly string[]): AsyncGenerator<Row[]> {
    const query = `SELECT ${listed(columns)} FROM "${name}" ORDER BY ${listed(key)}`;
    let page: Row[] = [];
    for (const row of this.sqlite.prepare<[], Row>(query).iterate()) {
      page.push(row);
      if (page.length < PAGE) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  close(): Promise<void> {
    this.sqlite.close();
    return Promise.resolve();
  }
}

class SqliteTarget extends SqliteEnd implements Target {
  #committed = false;

  insert({ name }: Table, columns: readonly string[], rows: readonly Row[]): Promise<void> {
    const values = columns.map((column) => `@${column}`).join(", ");
    const insert = this.sqlite.prepare(
      `INSERT INTO "${name}" (${listed(columns)}) VALUES (${values})`,
    );
    for (const row of rows) insert.run(row);
    return Promise.resolve();
  }

  commit(): Promise<void> {
    this.sqlite.exec("COMMIT");
    this.#committed = true;
    return Promise.resolve();
  }

  override async close(): Promise<void> {
    await super.close();
    if (this.#committed) return;
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
    const version = appliedVersion(sqlite);
    refuseNewer(sqlite, version);
    if (isBehind(version ?? 0))
      throw new AppError("start", `${file}: an older Holdfast has written this database.`, {
        hint: "Start the server on it once, which upgrades it, and stop it.",
      });
    refuseInstances(file, sqlite);
    sqlite.exec("BEGIN");
    return new SqliteEnd(file, sqlite);
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

/** Makes the database of a folder that has none. @throws AppError `conflict` for a folder with data */
export function sqliteTarget(folder: string): Target {
  const file = databaseFile(folder);
  if (existsSync(file))
    throw new AppError("conflict", `${file}: there are conversations here already.`, {
      hint: "Name an empty folder.",
    });
  const sqlite = openConnection(file);
  migrate(sqlite);
  keepSearchIndex(sqlite);
  sqlite.exec("BEGIN IMMEDIATE");
  return new SqliteTarget(file, sqlite);
}

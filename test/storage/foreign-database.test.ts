// A file that is not Holdfast's is named in one line and stays as it is, to the last byte.
import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { databaseFile } from "../../src/storage/admin.ts";
import { backUp } from "../../src/storage/sqlite/admin/backup.ts";
import { inspect } from "../../src/storage/sqlite/admin/inspect.ts";
import { restore } from "../../src/storage/sqlite/admin/restore.ts";
import { openConnection, openExisting } from "../../src/storage/sqlite/engine/connection.ts";
import { temporaryFolder } from "../support/folder.ts";

function foreign(statements: string): string {
  const file = databaseFile(temporaryFolder());
  const database = new Database(file);
  database.exec(statements);
  database.close();
  return file;
}

const databases = {
  "has a table of an equal name": "CREATE TABLE sessions (a)",
  "has nothing but the mark of its program": "PRAGMA application_id = 77",
  "was made with the same library":
    "CREATE TABLE __drizzle_migrations (id INTEGER PRIMARY KEY, hash text, created_at numeric);" +
    "INSERT INTO __drizzle_migrations VALUES (1, 'x', 1700000000000); CREATE TABLE sessions (id)",
  "has a list of migrations in another form": "CREATE TABLE __drizzle_migrations (a)",
};

describe.each(Object.entries(databases))("a database that %s", (_, statements) => {
  it("is refused by name, and left alone", async () => {
    const file = foreign(statements);
    const before = readFileSync(file);
    const target = join(temporaryFolder(), "holdfast.db");
    const refusal = { name: "AppError", message: `${file}: this is no database of Holdfast.` };
    expect(() => openConnection(file)).toThrow(expect.objectContaining(refusal));
    expect(() => inspect(file, 0)).toThrow(expect.objectContaining(refusal));
    expect(() => restore({ source: file, target })).toThrow(expect.objectContaining(refusal));
    await expect(backUp({ source: file, target })).rejects.toMatchObject(refusal);
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(readdirSync(join(file, ".."))).toEqual(["holdfast.db"]);
  });
});

describe.each([
  ["pipe", (file: string) => void execFileSync("mkfifo", [file])],
  ["folder", (file: string) => mkdirSync(file)],
])("a %s in the place of the database", (_, make) => {
  it.skipIf(process.platform === "win32")("is refused at once", () => {
    const file = databaseFile(temporaryFolder());
    make(file);
    const refusal = expect.objectContaining({ message: `${file}: this is no file.` }) as Error;
    expect(() => openConnection(file)).toThrow(refusal);
    expect(() => openExisting(file)).toThrow(refusal);
  });
});

it.skipIf(process.getuid?.() !== 0)(
  "(only as root) a database that root makes belongs to the owner of the folder",
  () => {
    const folder = temporaryFolder();
    chownSync(folder, 65534, 65534);
    const file = databaseFile(join(folder, "data"));
    openConnection(file).close();
    expect(statSync(join(folder, "data")).uid).toBe(65534);
    expect(statSync(file).uid).toBe(65534);
  },
);

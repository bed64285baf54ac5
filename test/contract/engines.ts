// The storage engines that keep the contract. A new engine is one more line.
import { expect, onTestFinished } from "vitest";
import { openStorage } from "../../src/storage/open.ts";
import type { Storage, StorageOptions } from "../../src/storage/storage.ts";
import { findDamage, openDatabase, rowCounts } from "../support/database.ts";
import { dataFolder } from "../support/folder.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { emptyDatabase, rowCounts as rowCountsOf, wrongAccounts } from "../support/postgres.ts";
import { GRACE, type Limits, MAX_AGE, type Open } from "./engine.ts";

export const engines: Readonly<Record<string, Open>> = {
  "SQLite in memory": async (limits) => {
    const clock = new ManualClock();
    return { storage: await openSqlite(undefined, clock, limits), clock };
  },
  "SQLite on a file": async (limits) => {
    const clock = new ManualClock();
    const folder = dataFolder();
    const another = () => openSqlite(folder, clock, limits);
    const storage = await another();
    const database = openDatabase(folder, { readonly: false });
    onTestFinished(() => expect(findDamage(database)).toEqual([]));
    const run = async (sql: string): Promise<void> => void database.exec(sql);
    return { storage, clock, another, run, rows: async () => rowCounts(database) };
  },
  PostgreSQL: async (limits) => {
    const clock = new ManualClock();
    const database = await emptyDatabase();
    onTestFinished(async () => expect(await wrongAccounts(database)).toEqual([]));
    const server = { url: database.url, poolSize: 4 };
    const another = () => openStorageOf({ server }, clock, limits);
    const run = async (sql: string): Promise<void> => void (await database.client.query(sql));
    return { storage: await another(), clock, another, run, rows: () => rowCountsOf(database) };
  },
};

/** Engines whose data several processes can use at a time. */
export const sharedEngines: Readonly<Record<string, Open>> = {
  "SQLite on a file": engines["SQLite on a file"]!,
  PostgreSQL: engines["PostgreSQL"]!,
};

const openSqlite = (folder: string | undefined, clock: ManualClock, limits?: Limits) =>
  openStorageOf({ folder }, clock, limits);

async function openStorageOf(
  where: Pick<StorageOptions, "server"> & Partial<Pick<StorageOptions, "folder">>,
  clock: ManualClock,
  { maxAgeMs = MAX_AGE, ...limits }: Limits = {},
): Promise<Storage> {
  const expiry = { maxAgeMs };
  const storage = await openStorage({
    ...{ folder: undefined, ...where, durability: "normal", clock, expiry, streamGraceMs: GRACE },
    ...limits,
  });
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= storage.close()); // the test may have done it
  onTestFinished(close);
  return { ...storage, close };
}

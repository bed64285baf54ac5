// The cleanup job gives deleted data's space back to the disk, in steps between which calls are answered.
import { statSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { Cleanup } from "../../src/jobs/cleanup.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { databaseFile } from "../../src/storage/admin.ts";
import { openStorage } from "../../src/storage/open.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { newSession, put } from "../contract/engine.ts";
import { findDamage, openDatabase } from "../support/database.ts";
import { fatten, filledFolder } from "../support/filled.ts";
import { temporaryFolder } from "../support/folder.ts";

const MEGABYTES = 40;

async function emptied(): Promise<string> {
  const folder = await filledFolder();
  fatten(folder, MEGABYTES);
  openDatabase(folder, { readonly: false })
    .exec("DELETE FROM session_state WHERE key LIKE 'fat %'")
    .close();
  return folder;
}

async function open(folder: string): Promise<Storage> {
  const expiry = { maxAgeMs: Infinity };
  return openStorage({ folder, durability: "normal", clock: systemClock, expiry });
}

async function openJob(folder: string) {
  const storage = await open(folder);
  onTestFinished(() => storage.close());
  const fail = (error: unknown): never => {
    throw error;
  };
  return { storage, retention: new Cleanup({}, fail, storage.upkeep) };
}

function megabytes(folder: string): number {
  const database = openDatabase(folder, { readonly: false });
  database.pragma("wal_checkpoint(TRUNCATE)");
  database.close();
  return statSync(databaseFile(folder)).size / (1 << 20);
}

describe("the cleanup job", () => {
  it("gives space back to the disk but for a reserve, while calls are answered in between", async () => {
    const folder = await emptied();
    expect(megabytes(folder)).toBeGreaterThan(MEGABYTES);
    const { storage, retention } = await openJob(folder);
    const { id } = await newSession(storage);
    let running = true;
    const done = retention.run().finally(() => (running = false));
    const times: number[] = [];
    while (running) {
      const began = performance.now();
      await put(storage, id, "meanwhile", `${times.length}`);
      times.push(performance.now() - began);
      await new Promise(setImmediate);
    }
    await done;
    times.sort((a, b) => a - b);
    expect(times.length).toBeGreaterThan(20);
    expect(times[times.length >> 1]).toBeLessThan(50);
    expect(megabytes(folder)).toBeLessThan(8);
    expect(megabytes(folder)).toBeGreaterThan(3);
    expect(findDamage(openDatabase(folder, { readonly: false }))).toEqual([]);
  });

  it("leaves a file of an earlier version as it is", async () => {
    const folder = temporaryFolder();
    await (await open(folder)).close();
    const old = openDatabase(folder, { readonly: false });
    old.pragma("auto_vacuum = NONE");
    old.exec("VACUUM; CREATE TABLE filler (x)");
    old.prepare("INSERT INTO filler VALUES (zeroblob(?))").run(8 << 20);
    old.exec("DELETE FROM filler").close();
    await (await openJob(folder)).retention.run();
    expect(megabytes(folder)).toBeGreaterThan(8);
  });
});

it("makes statistics of large tables only: those of a few rows would hold when there are many", async () => {
  const folder = temporaryFolder();
  const { storage, retention } = await openJob(folder);
  await newSession(storage);
  const counted = (): Record<string, number> => {
    const database = openDatabase(folder);
    const rows = database
      .prepare<[], [string, number]>(
        "SELECT tbl, max(CAST(stat AS INTEGER)) FROM sqlite_stat1 GROUP BY tbl",
      )
      .raw()
      .all();
    database.close();
    return Object.fromEntries(rows);
  };
  await retention.run();
  expect(counted()).toEqual({});
  for (let n = 0; n < 1_500; n += 100)
    await Promise.all(Array.from({ length: 100 }, () => newSession(storage)));
  await retention.run();
  expect(counted()["sessions"]).toBe(1_501);
});

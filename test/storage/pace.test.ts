// Deletion in batches: it makes way for calls that write, and goes on however many they are.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { MEMORY, openConnection } from "../../src/storage/sqlite/engine/connection.ts";
import { Engine } from "../../src/storage/sqlite/engine/engine.ts";
import { inBatches } from "../../src/storage/sqlite/engine/expiring.ts";
import { migrate } from "../../src/storage/sqlite/schema/migrate.ts";
import { openCutoffs } from "../../src/storage/sqlite/stores/cutoff-store.ts";
import { ManualClock } from "../support/manual-clock.ts";

async function openEngine() {
  const sqlite = openConnection(MEMORY);
  onTestFinished(() => void sqlite.close());
  migrate(sqlite);
  const clock = new ManualClock();
  const cutoffs = await openCutoffs(sqlite, clock, { maxAgeMs: Infinity, clientAgeMs: Infinity });
  return new Engine(sqlite, clock, cutoffs);
}

it("is busy while calls write, and not while it deletes", async () => {
  const engine = await openEngine();
  expect(engine.isBusy).toBe(false);
  await engine.free(() => 1, { durable: false });
  await engine.writeRelaxed(() => 1);
  expect(engine.isBusy).toBe(false);
  const written = engine.write(() => 1);
  expect(engine.isBusy).toBe(true);
  await written;
  while (engine.isBusy) await sleep(10);
});

it("takes few rows at a time while calls write, all the same, and many when they have stopped", async () => {
  const engine = await openEngine();
  const batches = { beside: [] as number[], alone: [] as number[] };
  const areCalling = () => batches.beside.length < 12;
  await inBatches(
    {
      free: (act, options) => engine.free(act, options),
      get isBusy() {
        return areCalling();
      },
    },
    (limit) => {
      (areCalling() ? batches.beside : batches.alone).push(limit);
      return Math.max(...batches.alone) > 100 ? 0 : limit;
    },
  );
  expect(Math.max(...batches.beside)).toBeLessThanOrEqual(50);
  expect(Math.max(...batches.alone)).toBeGreaterThan(100);
});

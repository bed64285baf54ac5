// Faults of the server other than kills. Each resolves when it is over.
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { databaseFile } from "../../src/storage/admin.ts";
import type { Server } from "./servers.ts";

export interface Scene {
  folder: string;
  /** The server that the clients talk to. */
  server: Server;
  /** All servers on the folder. */
  servers: readonly Server[];
}

export type Fault = (scene: Scene) => Promise<void>;

const DAY_MS = 86_400_000;

/**
 * Suspend the server. Every other time, delete its row too, like a process in another container that takes it for dead.
 * The second server then takes over its calls before the first one resumes.
 */
async function pause({ folder, server }: Scene): Promise<void> {
  const isForgotten = Math.random() < 0.5;
  server.signal("SIGSTOP");
  if (isForgotten) forget(folder, server.pid);
  await sleep(isForgotten ? 8_000 : 3_000);
  server.signal("SIGCONT");
  await sleep(2_000);
}

function forget(folder: string, pid: number): void {
  const database = new Database(databaseFile(folder), { timeout: 5_000 });
  try {
    database.prepare("DELETE FROM instances WHERE pid = ?").run(pid);
  } catch {
    // Ignore: the server was suspended in the middle of a commit, and holds the lock until it resumes.
  } finally {
    database.close();
  }
}

/** Set another time for a few seconds, in which the cleanup runs, and then the right one. */
async function clock({ servers }: Scene): Promise<void> {
  const unset = DAY_MS / 24 - Date.now();
  const times = [365 * DAY_MS, -365 * DAY_MS, 31 * DAY_MS, unset];
  const clockMs = times[Math.floor(Math.random() * times.length)]!;
  for (const server of servers) server.suffer({ clockMs });
  await sleep(3_000);
  for (const server of servers) server.suffer({ clockMs: 0 });
  await sleep(1_500);
}

/** Let every sync fail for a while. */
async function disk({ servers }: Scene): Promise<void> {
  const syncsFailMs = 100 + Math.random() * 1_500;
  for (const server of servers) server.suffer({ syncsFailMs });
  await sleep(syncsFailMs + 500);
}

export const FAULTS = { pause, clock, disk } satisfies Record<string, Fault>;

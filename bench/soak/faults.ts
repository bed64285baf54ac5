// Faults other than kills. Each resolves when it is over.
import { setTimeout as sleep } from "node:timers/promises";
import type { Place } from "./places.ts";
import type { Server } from "./servers.ts";

export interface Scene {
  place: Place;
  /** The server that suffers; clients talk to it. */
  server: Server;
  /** All servers at the place. */
  servers: readonly Server[];
  /** Has the load balancer take the server for dead until the function that it returns is called. */
  leaveOut(server: Server): () => void;
}

export type Fault = (scene: Scene) => Promise<void>;

const DAY_MS = 86_400_000;

/**
 * Suspend the server. Every other time, delete its row too, like a process in another container that takes it for dead.
 * Another server then takes over its calls before the first one resumes.
 */
async function pause({ place, server, leaveOut }: Scene): Promise<void> {
  const isForgotten = Math.random() < 0.5;
  server.signal("SIGSTOP");
  const takeBack = leaveOut(server);
  if (isForgotten) await place.forget(server.pid);
  await sleep(isForgotten ? 8_000 : 3_000);
  server.signal("SIGCONT");
  takeBack();
  await sleep(2_000);
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

/** End the database server and start it again. */
async function restart({ place }: Scene): Promise<void> {
  await place.restart!();
  await sleep(1_000);
}

export const FAULTS = { pause, clock, disk, restart } satisfies Record<string, Fault>;

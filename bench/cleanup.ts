// Calls while the cleanup job deletes a hundred thousand sessions, against calls on the same data while it does not.
import { copyFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { databaseFile } from "../src/storage/admin.ts";
import { legacy, type Workload } from "./clients.ts";
import { fill } from "./fill.ts";
import { load } from "./load.ts";
import { inFolder, type Running, startServer } from "./processes.ts";
import { ratio, type Row } from "./row.ts";

const SESSIONS = 100_000;
const MESSAGES_EACH = 10;
const YEAR_MS = 365 * 24 * 3_600_000;
const OPTIONS = { connections: 4, seconds: 1 };
const ROUNDS = 20;

export async function* measureCleanup(): AsyncGenerator<Row> {
  yield await inFolder((ourFolder) =>
    inFolder(async (theirFolder) => {
      await fill(ourFolder, { sessions: SESSIONS, messagesEach: MESSAGES_EACH, age: YEAR_MS });
      copyFileSync(databaseFile(ourFolder), databaseFile(theirFolder));
      const us = await startServer("holdfast.ts", ourFolder, "full", "30d");
      const them = await startServer("holdfast.ts", theirFolder, "full", "3650d");
      try {
        return await inTurn(us, them, () => countMessages(ourFolder));
      } finally {
        await Promise.all([us.kill(), them.kill()]);
      }
    }),
  );
}

async function inTurn(us: Running, them: Running, messages: () => number): Promise<Row> {
  const all = messages();
  while (messages() === all) await sleep(500); // their clients go first
  const [ourCalls, theirCalls] = [await calls(us.url), await calls(them.url)];
  const p99 = { ours: [] as number[], theirs: [] as number[] };
  for (let round = 0; round <= ROUNDS; round++) {
    const ours = await load(us.url, ourCalls, OPTIONS);
    process.kill(us.pid, "SIGSTOP"); // it would use the disk beside the other one
    const theirs = await load(them.url, theirCalls, OPTIONS);
    process.kill(us.pid, "SIGCONT");
    if (round === 0) continue; // warm-up
    p99.ours.push(ours.p99);
    p99.theirs.push(theirs.p99);
  }
  const what = `p99 of calls while expired sessions are deleted (${all - messages()} messages in that time) / without`;
  return ratio(what, "ms", p99, { atMost: 1.5 });
}

/** The same requests in each round: the first call of a client makes its session, which counts those of its principal. */
async function calls(url: string): Promise<Workload> {
  const workload = legacy("state_set", { key: "k", value: 1 });
  const requests = await Promise.all(
    Array.from({ length: OPTIONS.connections }, () => workload(url)),
  );
  let next = 0;
  return async () => requests[next++ % requests.length]!;
}

function countMessages(folder: string): number {
  const database = new Database(databaseFile(folder), { readonly: true });
  const messages = database.prepare("SELECT count(*) FROM messages").pluck().get() as number;
  database.close();
  return messages;
}

// Calls while the cleanup job deletes a hundred thousand sessions, against calls while it does not.
import Database from "better-sqlite3";
import { databaseFile } from "../src/storage/admin.ts";
import { legacy } from "./clients.ts";
import { fill } from "./fill.ts";
import { load } from "./load.ts";
import { inFolder, startServer } from "./processes.ts";
import { median, type Row } from "./row.ts";

const SESSIONS = 100_000;
const MESSAGES_EACH = 10;
const YEAR_MS = 365 * 24 * 3_600_000;
const OPTIONS = { connections: 4, seconds: 4 };
const ROUNDS = 3;
const workload = legacy("state_set", { key: "k", value: 1 });

export async function* measureCleanup(): AsyncGenerator<Row> {
  const theirs = await inFolder((folder) => p99OfCalls(folder));
  yield await inFolder(async (folder) => {
    await fill(folder, { sessions: SESSIONS, messagesEach: MESSAGES_EACH, age: YEAR_MS });
    const ours = await p99OfCalls(folder); // its cleanup runs from the first second on
    const deleted = SESSIONS * MESSAGES_EACH - countMessages(folder);
    return {
      what: `p99 of calls while expired sessions are deleted (${deleted} messages in that time) / without`,
      unit: "ms",
      ours,
      theirs,
      figure: ours / theirs,
      reach: { atMost: 2 },
    };
  });
}

/** Median of some rounds, in milliseconds. */
async function p99OfCalls(folder: string): Promise<number> {
  const server = await startServer("holdfast.ts", folder, "full", "30d");
  try {
    const rounds: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const { p99 } = await load(server.url, workload, OPTIONS);
      if (round > 0) rounds.push(p99); // the first round warms up
    }
    return median(rounds);
  } finally {
    await server.kill();
  }
}

function countMessages(folder: string): number {
  const database = new Database(databaseFile(folder), { readonly: true });
  const messages = database.prepare("SELECT count(*) FROM messages").pluck().get() as number;
  database.close();
  return messages;
}

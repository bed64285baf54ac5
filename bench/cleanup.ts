// Calls while the cleanup job deletes a hundred thousand sessions, against calls while it does not.
import Database from "better-sqlite3";
import { databaseFile } from "../src/storage/storage.ts";
import { sessionful } from "./clients.ts";
import { fill } from "./fill.ts";
import { load } from "./load.ts";
import { inFolder, startServer } from "./processes.ts";
import type { Row } from "./row.ts";

const SESSIONS = 100_000;
const YEAR_MS = 365 * 24 * 3_600_000;
const OPTIONS = { connections: 4, seconds: 4 };
const workload = sessionful("state_set", { key: "k", value: 1 });

export async function* measureCleanup(): AsyncGenerator<Row> {
  const theirs = await inFolder(async (folder) => {
    const quiet = await startServer("holdfast.ts", folder);
    await load(quiet.url, workload, OPTIONS);
    const { p99 } = await load(quiet.url, workload, OPTIONS);
    await quiet.kill();
    return p99;
  });
  yield await inFolder(async (folder) => {
    await fill(folder, { sessions: SESSIONS, messagesEach: 10, age: YEAR_MS });
    const busy = await startServer("holdfast.ts", folder); // it cleans up from its start on
    const { p99: ours } = await load(busy.url, workload, OPTIONS);
    await busy.kill();
    const database = new Database(databaseFile(folder), { readonly: true });
    const left = database
      .prepare("SELECT count(*) FROM sessions WHERE title IS NOT NULL")
      .pluck()
      .get();
    database.close();
    return {
      what: `p99 of calls while expired sessions are deleted (${SESSIONS - Number(left)} of 100,000 in that time) / without`,
      unit: "ms",
      ours,
      theirs,
      figure: ours / theirs,
      reach: { atMost: 2 },
    };
  });
}

// Data folders with something in them.
import { systemClock } from "../../src/lib/clock.ts";
import { openStorage } from "../../src/storage/open.ts";
import { newSession, put, say } from "../contract/engine.ts";
import { openDatabase } from "./database.ts";
import { dataFolder } from "./folder.ts";

/** A data folder with one session, named "kept", that holds one message and one key. */
export async function filledFolder(content = "hello"): Promise<string> {
  const folder = dataFolder();
  const expiry = { maxAgeMs: Infinity };
  const storage = await openStorage({ folder, durability: "normal", clock: systemClock, expiry });
  const { id } = await newSession(storage, { name: "kept" });
  await say(storage, id, content);
  await put(storage, id, "key");
  await storage.close();
  return folder;
}

/** Adds so many megabytes of state to the session "kept". */
export function fatten(folder: string, megabytes: number): void {
  const database = openDatabase(folder, { readonly: false });
  const put = database.prepare(
    `INSERT INTO session_state (session_id, key, value, version, updated_at)
      SELECT id, ?, ?, 1, 1 FROM sessions WHERE name = 'kept'`,
  );
  const value = JSON.stringify("x".repeat(1 << 20));
  for (let n = 0; n < megabytes; n++) put.run(`fat ${n}`, value);
  database.close();
}

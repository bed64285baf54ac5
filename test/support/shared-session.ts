// A session of Ana's that Rita may read and Will may change, and what is stored in it.
import { onTestFinished } from "vitest";
import { openDatabase } from "./database.ts";
import type { Person } from "./people.ts";

export const SECRET = "Ada the cat";

/** Made by its owner; resolves to its id. */
export async function sharedSession(owner: Person): Promise<string> {
  const { session } = (await owner.call("session_open", { title: SECRET })).data;
  const args = { session };
  await Promise.all([
    owner.call("state_set", { ...args, key: "cat", value: SECRET }),
    owner.call("history_append", { ...args, role: "user", content: SECRET }),
    owner.call("session_share", { ...args, principal: "rita" }),
    owner.call("session_share", { ...args, principal: "will", access: "write" }),
  ]);
  await Promise.all(["rita", "will"].map((taker) => owner.accept!(taker, session as string)));
  return session as string;
}

const PARTS = [
  "SELECT owner, name, title, system, pinned FROM sessions WHERE id = ?",
  "SELECT key, value, version FROM session_state WHERE session_id = ? ORDER BY key",
  "SELECT seq, role, content, status FROM messages WHERE session_id = ? ORDER BY seq",
  "SELECT principal, access FROM grants WHERE session_id = ? ORDER BY principal",
  "SELECT principal, access FROM share_offers WHERE session_id = ? ORDER BY principal",
];

type Query = (id: string) => unknown;

const readers = new Map<string, Query[]>();

/** All that is stored of a session, but its times. */
export function contents(folder: string, id: string): unknown {
  return readersOf(folder).map((query) => query(id));
}

/** Once a test: each connection reads the whole schema. */
function readersOf(folder: string): readonly Query[] {
  const known = readers.get(folder);
  if (known !== undefined) return known;
  const database = openDatabase(folder);
  const queries = PARTS.map((sql): Query => {
    const statement = database.prepare(sql);
    return (id) => statement.all(id);
  });
  readers.set(folder, queries);
  onTestFinished(() => void readers.delete(folder));
  return queries;
}

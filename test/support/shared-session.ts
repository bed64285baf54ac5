// A session of Ana's that Rita may read and Will may change, and what is stored in it.
import { withDatabase } from "./database.ts";
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

/** All that is stored of a session, but its times. */
export function contents(folder: string, id: string): unknown {
  return withDatabase(folder, (database) => PARTS.map((sql) => database.prepare(sql).all(id)));
}

// A call that a dead process left is run again only while its caller may make it: the right is looked at once more.
import { expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { introduceWithKey, keyedClient, serveWithKeys } from "../support/people.ts";
import { rows } from "../support/rows.ts";
import { sharedSession } from "../support/shared-session.ts";

/** A tool that may be run again, and how often it ran. */
function late() {
  const runs: string[] = [];
  const tool = defineTool({
    name: "late",
    description: "Writes late.",
    input: z.object({}),
    annotations: { idempotentHint: true },
    async handler({ session, principal }) {
      runs.push(principal.id);
      await session.state.set("cat", "Eve");
      return "written";
    },
  });
  return { runs, tool };
}

/** Will's call of `late` in Ana's session, as a process leaves it that dies before it has begun. */
async function deadCall() {
  const { runs, tool } = late();
  const config = { "data-dir": temporaryFolder() };
  const before = await serveWithKeys(config, { tools: [tool] });
  const session = await sharedSession(await before.person("ana"));
  const key = await before.key("will");
  const will = keyedClient(before.url, await introduceWithKey(before.url, key), key);
  await before.app.stop();
  const folder = config["data-dir"];
  const database = openDatabase(folder, { readonly: false });
  const now = Date.now();
  const message = { method: "tools/call", params: { name: "late", arguments: { session } } };
  const credentials = { id: `key ${key.split("_")[1]}`, key: key.split("_")[1] };
  database
    .prepare(
      `INSERT INTO streams (id, client_id, public_id, kind, created_at, touched_at, undelivered)
        VALUES (1, ?, 1, 'request', ?, ?, 'a hash')`,
    )
    .run(will.id, now, now);
  database
    .prepare(
      `INSERT INTO open_requests (client_id, request_id, stream_id, message, scope, credentials, instance_id, started_at)
        VALUES (?, '7', 1, ?, 'write', ?, 'dead', ?)`,
    )
    .run(will.id, JSON.stringify(message), JSON.stringify(credentials), now);
  expect(rows(folder, "SELECT credentials FROM clients WHERE owner = 'will'")).toEqual([
    { credentials: credentials.id },
  ]);
  const change = (sql: string, ...values: string[]): void =>
    void database.prepare(sql).run(...values);
  /** The next start ends the call; resolves to its outcome, and to Ana's cat. */
  const recover = async () => {
    const { app } = await serveWithKeys(config, { tools: [tool] });
    await expect.poll(() => rows(folder, "SELECT * FROM open_requests")).toEqual([]);
    await app.stop();
    const [event] = rows(folder, "SELECT data FROM stream_events");
    const { result } = JSON.parse(event!["data"] as string) as { result: unknown };
    const [cat] = rows(folder, "SELECT value FROM session_state WHERE key = 'cat'");
    return { result, cat: JSON.parse(cat!["value"] as string) as unknown };
  };
  return { key: credentials.key!, session, runs, change, recover };
}

it("runs again as the one who called", async () => {
  const { runs, recover } = await deadCall();
  expect(await recover()).toMatchObject({
    result: { content: [{ text: "written" }] },
    cat: "Eve",
  });
  expect(runs).toEqual(["will"]);
});

it.each<[string, string, (key: string) => string[]]>([
  ["a key that was revoked", "UPDATE api_keys SET revoked_at = 1 WHERE id = ?", (key) => [key]],
  ["a key that has expired", "UPDATE api_keys SET expires_at = 1 WHERE id = ?", (key) => [key]],
  ["a key that is gone", "DELETE FROM api_keys WHERE id = ?", (key) => [key]],
  [
    "a token that has expired",
    `UPDATE open_requests SET credentials = '{"id":"client x","until":1}'`,
    () => [],
  ],
  ["a scope that is too little by now", "UPDATE open_requests SET scope = 'read'", () => []],
  ["a scope for monitoring", "UPDATE open_requests SET scope = 'metrics'", () => []],
])("is interrupted, and does not run, with %s", async (_, sql, values) => {
  const { key, runs, change, recover } = await deadCall();
  change(sql, ...values(key));
  expect(await recover()).toMatchObject({
    result: { isError: true, _meta: { interrupted: true } },
    cat: "Ada the cat",
  });
  expect(runs).toEqual([]);
});

it.each([
  ["is shared no longer", "DELETE FROM grants WHERE principal = 'will'", "not_found"],
  ["may only be read", "UPDATE grants SET access = 'read' WHERE principal = 'will'", "forbidden"],
])("writes nothing to a session that %s", async (_, sql, code) => {
  const { change, recover } = await deadCall();
  change(sql);
  expect(await recover()).toMatchObject({
    result: { isError: true, _meta: { "holdfast/error": code } },
    cat: "Ada the cat",
  });
});

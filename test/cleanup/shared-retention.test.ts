// One data folder has one maximum age: the one that it is served with. A program beside it, or after it, that was told
// none deletes nothing that the server means to keep.
import { expect, it } from "vitest";
import { connect } from "../support/clients.ts";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { run, startServer } from "../support/process.ts";
import { rows } from "../support/rows.ts";

const DAY = 86_400_000;

it("programs that are told no maximum age keep what the server keeps, also when it is gone", async () => {
  const folder = temporaryFolder();
  const server = await startServer({ folder, args: ["--max-age", "never"] });
  const client = await connect("auto", server);
  const { session } = (await client.call("session_open")).data;
  await client.call("state_set", { session, key: "k", value: 1 });
  openDatabase(folder, { readonly: false })
    .prepare("UPDATE sessions SET last_active_at = last_active_at - ?")
    .run(40 * DAY);
  const cleanup = (...flags: string[]) => run(["cleanup", "--data-dir", folder, ...flags]);
  expect((await cleanup()).stdout).toBe("Nothing has expired.\n");
  await server.kill();
  expect((await cleanup()).stdout).toBe("Nothing has expired.\n");
  const other = await connect("auto", { stdio: ["--data-dir", folder] });
  expect((await other.call("state_get", { session, key: "k" })).data["value"]).toBe(1);
  const told = async () => (await cleanup("--max-age", "1s", "--dry-run")).stdout;
  await expect.poll(told).toContain("1 session"); // the look at it was a use
  expect(rows(folder, "SELECT max_age_ms FROM retention")).toEqual([{ max_age_ms: null }]);
});

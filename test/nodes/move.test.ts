// `holdfast move`: everything goes from a data folder to PostgreSQL and back, and a connected client goes on with the same id.
import { join } from "node:path";
import { expect, it } from "vitest";
import { command } from "../support/command.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { emptyDatabase, wrongAccounts } from "../support/postgres.ts";
import { startServer } from "../support/process.ts";
import { introduce, type RawClient } from "../support/raw.ts";

const TEXT = "Ünïcode 雪が降る and 😀, \u2028 lines";

async function fill(client: RawClient): Promise<void> {
  await client.call("state_set", { key: "fact", value: { deep: [1, null, "ü"], big: 1e21 } });
  for (let n = 1; n <= 5; n += 1)
    await client.call("history_append", {
      role: "user",
      content: `${TEXT} ${n}`,
      request_key: `${n}`,
    });
  await client.call("history_delete", { seqs: [2] });
  await client.call("session_update", { title: "About snow", pinned: true });
}

/** What the client sees of its session. */
async function seen(client: RawClient) {
  const { data: state } = await client.call("state_get", { key: "fact" });
  const { data: history } = await client.call("history_get");
  const { data: found } = await client.call("history_search", { query: "降る" });
  const { data: info } = await client.call("session_info");
  const { title, pinned, client: program } = info;
  return {
    ...{ state, messages: history["messages"], program, title, pinned },
    found: found["hits"].length,
  };
}

it("takes everything to PostgreSQL and back, and a client goes on with its id", async () => {
  const folder = temporaryFolder();
  const first = await serveHere({ folder });
  const client = await introduce(`${first.url}?name=snow`);
  await fill(client);
  const before = await seen(client);
  expect(before).toMatchObject({ found: 4, title: "About snow", pinned: true });
  await first.stop();

  const database = await emptyDatabase();
  const there = await command(["move", "--to", database.url, "--data-dir", folder]);
  expect(there).toMatchObject({ code: 0, stderr: "" });
  expect(there.stdout).toMatch(
    /^1 session and 4 messages are in postgres:\/\/\S+ now; \d+ rows were compared\.\n/,
  );
  expect(there.stdout).not.toContain(new URL(database.url).password);
  expect(await wrongAccounts(database)).toEqual([]);

  const second = await serveHere({ config: { "database-url": database.url } });
  client.url = `${second.url}?name=snow`;
  expect(await seen(client)).toEqual(before);
  // Numbers go on where they were, of messages and of streams.
  expect(
    (await client.call("history_append", { role: "user", content: "later" })).data["seq"],
  ).toBe(6);
  const later = await seen(client);
  await second.stop();

  const back = join(temporaryFolder(), "back");
  const again = await command(["move", "--to", back], {
    env: { HOLDFAST_DATABASE_URL: database.url },
  });
  expect(again).toMatchObject({ code: 0, stderr: "" });
  const third = await serveHere({ folder: back });
  client.url = `${third.url}?name=snow`;
  expect(await seen(client)).toEqual(later);
});

it("refuses what would mix, lose or tear data, and stores nothing then", async () => {
  const folder = temporaryFolder();
  const { stop, url } = await startServer({ folder });
  await fill(await introduce(url));
  const database = await emptyDatabase();
  const move = (...args: string[]) => command(["move", "--to", ...args, "--data-dir", folder]);
  expect(await move(database.url)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/another process is using it/),
  });
  await stop();
  expect(await move(folder)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/are already/),
  });
  expect(await move(database.url)).toMatchObject({ code: 0 });
  expect(await move(database.url)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/there are conversations here already/),
  });
  const empty = temporaryFolder();
  const nothing = await command(["move", "--to", database.url, "--data-dir", empty]);
  expect(nothing).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/There is no database here/),
  });
});

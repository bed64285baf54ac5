// Ways to the database and back that one call takes.
import { expect, it, onTestFinished } from "vitest";
import { countingWay } from "../support/counting-way.ts";
import { serveHere } from "../support/here.ts";
import { emptyDatabase } from "../support/postgres.ts";
import { introduce } from "../support/raw.ts";

it("takes at most three round trips for a write, and two for a read", async () => {
  const way = await countingWay((await emptyDatabase()).url);
  onTestFinished(() => way.close());
  const { url } = await serveHere({ config: { "database-url": way.url } });
  const client = await introduce(url);
  /** The fewest of several calls: other work of the server is counted with some of them. */
  const fewest = async (tool: string, args: object): Promise<number> => {
    const counts: number[] = [];
    for (let n = 0; n < 20; n++) {
      const before = way.count;
      await client.call(tool, args);
      counts.push(way.count - before);
    }
    return Math.min(...counts);
  };
  // Before anything is stored, there is no session yet.
  expect(await fewest("state_get", { key: "n" })).toBeLessThanOrEqual(2);
  expect(await fewest("state_set", { key: "n", value: 1 })).toBeLessThanOrEqual(3);
  expect(await fewest("state_get", { key: "n" })).toBeLessThanOrEqual(2);
});

it("finds who is told of a write without reading all subscriptions", async () => {
  const { url, client } = await emptyDatabase({ fresh: true });
  await serveHere({ config: { "database-url": url } });
  await client.query(`SET session_replication_role = replica;
    INSERT INTO subscriptions (client_id, uri) SELECT 'x', 'holdfast://sessions/' || n FROM generate_series(10001, 30000) n;
    SET session_replication_role = origin; ANALYZE subscriptions`);
  const asks = async (uris: string[], from: string | null, to: string | null): Promise<boolean> => {
    const values = [["ana"], uris, from, to];
    const text = "SELECT has_subscription($1, $2, $3, $4) AS found";
    return (await client.query<{ found: boolean }>({ name: "asks", text, values })).rows[0]!.found;
  };
  await client.query("BEGIN");
  // PostgreSQL keeps to one plan from the sixth time on.
  for (let n = 0; n < 9; n += 1) {
    expect(await asks(["a", "holdfast://sessions/1"], null, null)).toBe(false);
    expect(await asks(["a", "holdfast://sessions/10001"], null, null)).toBe(true);
    expect(await asks(["a"], "holdfast://sessions/3/", "holdfast://sessions/30")).toBe(false);
    expect(await asks([], "holdfast://sessions/3", "holdfast://sessions/4")).toBe(true);
  }
  const { rows } = await client.query(
    "SELECT seq_scan::integer FROM pg_stat_xact_user_tables WHERE relname = 'subscriptions'",
  );
  await client.query("COMMIT");
  expect(rows).toEqual([{ seq_scan: 0 }]);
});

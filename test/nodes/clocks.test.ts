// Nodes whose machines' clocks are a minute off: all of them use the database server's time.
import { expect, it } from "vitest";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { serveAtTime } from "../support/here.ts";
import { emptyDatabase } from "../support/postgres.ts";
import { introduce } from "../support/raw.ts";

const MINUTE_MS = 60_000;

const wrong = (ms: number): Clock => ({
  now: () => systemClock.now() + ms,
  monotonic: () => systemClock.monotonic(),
});

it("nodes with clocks two minutes apart date and expire alike", async () => {
  const { url, client: database } = await emptyDatabase();
  const config = { "database-url": url, "pool-size": 4 };
  const slow = await serveAtTime(wrong(-MINUTE_MS), config);
  const fast = await serveAtTime(wrong(MINUTE_MS), config);
  const clients = await Promise.all([slow, fast].map((node) => introduce(`${node.url}?name=work`)));
  for (const [n, client] of clients.entries())
    await client.call("state_set", { key: `${n}`, value: n, ttl_seconds: 45 });
  // By the fast clock, the slow node's value would have expired when it was made.
  for (const client of clients)
    for (const key of ["0", "1"])
      expect((await client.call("state_get", { key })).data["found"]).toBe(true);
  const { rows } = await database.query<{ off: number }>(
    "SELECT abs(extract(epoch FROM clock_timestamp()) * 1000 - updated_at)::float8 AS off FROM session_state",
  );
  expect(rows).toHaveLength(2);
  for (const { off } of rows) expect(off).toBeLessThan(MINUTE_MS / 2);
  const beats = await database.query<{ off: number }>(
    "SELECT (max(heartbeat_at) - min(heartbeat_at))::float8 AS off FROM instances",
  );
  expect(beats.rows[0]!.off).toBeLessThan(MINUTE_MS / 2);
});

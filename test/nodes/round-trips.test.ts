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
  expect(await fewest("state_set", { key: "n", value: 1 })).toBeLessThanOrEqual(3);
  expect(await fewest("state_get", { key: "n" })).toBeLessThanOrEqual(2);
});

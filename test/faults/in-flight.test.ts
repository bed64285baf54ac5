// Calls that are in flight when the process dies have a definite outcome, for real clients that are not made anew.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { type ClientVersion, connect } from "../support/clients.ts";
import { fly } from "../support/flight.ts";
import { temporaryFolder } from "../support/folder.ts";
import { MAY_BE_DONE } from "../support/interrupted.ts";
import { FIXTURE, startServer } from "../support/process.ts";

const versions: ClientVersion[] = ["v1", "v2"];

for (const version of versions) {
  for (const outageMs of [200, 5_000]) {
    it(`the ${version} client gets an outcome for every call over a SIGKILL and ${outageMs} ms of silence`, async () => {
      const folder = temporaryFolder();
      const first = await startServer({ folder, script: FIXTURE });
      const client = await connect(version, first);
      const safe = fly(client, "count");
      const unsafe = fly(client, "count_once");
      await Promise.all([safe.begun, unsafe.begun]);

      await first.kill();
      await sleep(outageMs);
      await startServer({ folder, script: FIXTURE, port: first.port });

      // Safe to run again: the result, with progress that only grows.
      expect(await safe.outcome).toMatchObject({
        text: "counted to 5 in run 2",
        isError: false,
      });
      expect(safe.progress).toEqual([1, 2, 3, 4, 5]);
      // Not safe: a result that says so, for programs repeat by themselves what ends with an error.
      expect(await unsafe.outcome).toMatchObject({
        isError: true,
        text: expect.stringMatching(MAY_BE_DONE),
      });
      expect((await client.call("state_get", { key: "count runs" })).data.value).toBe(2);
      expect((await client.call("state_get", { key: "count_once runs" })).data.value).toBe(1);
    });
  }
}

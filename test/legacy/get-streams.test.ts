// Standalone streams and subscriptions with real clients that are not made anew.
import { describe, expect, it } from "vitest";
import { connect } from "../support/clients.ts";
import { temporaryFolder } from "../support/folder.ts";
import { startServer } from "../support/process.ts";

for (const version of ["v1", "v2"] as const) {
  describe(`the ${version} client`, () => {
    it("hears of other clients' changes, also of those made while the server was down or the stream was cut", async () => {
      const folder = temporaryFolder();
      const first = await startServer({ folder });
      const listener = await connect(version, first);
      const writer = await connect("v2", first);
      const session = (await writer.call("session_open", { name: "shared" })).data
        .session as string;
      const state = (key: string): string => `holdfast://sessions/${session}/state/${key}`;
      const history = `holdfast://sessions/${session}/history`;
      await listener.follow(state("a"), state("b"), state("c"), history);

      await writer.call("state_set", { session, key: "a", value: 1 });
      await expect.poll(() => listener.updates).toEqual([state("a")]);

      await first.kill();
      // A change while the server is down, by another process on the same folder.
      const beside = await connect("v2", { stdio: ["--data-dir", folder] });
      await beside.call("state_set", { session, key: "b", value: 2 });
      await beside.close();
      const second = await startServer({ folder, port: first.port });
      await expect.poll(() => listener.updates).toEqual([state("a"), state("b")]);

      // Live again; and a change by a process beside the running server arrives too.
      await writer.call("history_append", { session, role: "user", content: "hello" });
      const again = await connect("v2", { stdio: ["--data-dir", folder] });
      await expect.poll(() => listener.updates.at(-1)).toBe(history);
      await again.call("state_set", { session, key: "c", value: 3 });
      await expect
        .poll(() => listener.updates)
        .toEqual([state("a"), state("b"), history, state("c")]);
      expect(await second.stop()).toBe(0);
    });
  });
}

it("a client is not told of its own changes, nor of a stranger's", async () => {
  const server = await startServer({ folder: temporaryFolder() });
  const listener = await connect("v2", server);
  const other = await connect("v1", server);
  const { session } = (await listener.call("session_info")).data;
  const own = `holdfast://sessions/${session}/state/x`;
  await listener.follow(own);
  await other.call("state_set", { key: "x", value: 1 }); // its own session, not the listener's
  await other.call("state_set", { session, key: "x", value: 1 });
  await expect.poll(() => listener.updates).toEqual([own]);
});

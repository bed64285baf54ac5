// How many programs `session_info` says are connected to a session.
import { expect, it } from "vitest";
import { connect, VERSIONS } from "./support/clients.ts";
import { serveHere } from "./support/here.ts";
import { introduce } from "./support/raw.ts";

it.each(VERSIONS)(
  "the %s program that asks is counted, once, and others that are there",
  async (version) => {
    const { url } = await serveHere();
    const work = `${url}?name=work`;
    const client = await connect(version, { url: work });
    const connections = async (): Promise<unknown> =>
      (await client.call("session_info")).data["connections"];
    await client.call("state_set", { key: "k", value: 1 });
    expect(await connections()).toBe(1);
    const other = await introduce(work);
    await other.call("state_set", { key: "k", value: 2 });
    const stream = await other.listen();
    await expect.poll(connections).toBe(2);
    expect((await other.end()).status).toBe(200);
    expect(await connections()).toBe(1);
    await stream.body?.cancel().catch(() => undefined);
  },
);

it("a program is counted while nothing is stored in its session", async () => {
  const client = await introduce((await serveHere()).url);
  expect((await client.call("session_info")).data).toMatchObject({ connections: 1 });
});

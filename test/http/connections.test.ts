// How many programs `session_info` says are connected to a session.
import { expect, it } from "vitest";
import { connect, VERSIONS } from "../support/clients.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { listen, uriOf } from "../support/listening.ts";
import { callModern } from "../support/modern.ts";
import { startServer } from "../support/process.ts";
import { introduce } from "../support/raw.ts";

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

it.each([
  ["closes its stream", 1],
  ["has only posted", 2],
])("a program that %s leaves as many as %i", async (what, left) => {
  const work = `${(await serveHere()).url}?name=work`;
  const client = await introduce(work);
  await client.call("state_set", { key: "k", value: 1 });
  const connections = async (): Promise<unknown> =>
    (await client.call("session_info")).data["connections"];
  const other = await introduce(work);
  await other.call("state_set", { key: "k", value: 2 });
  await expect.poll(connections).toBe(2);
  if (what === "closes its stream") await (await other.listen()).body!.cancel();
  await expect.poll(connections).toBe(left);
});

it("a program with a stream to the session's address is counted before its first call", async () => {
  const work = `${(await serveHere()).url}?name=work`;
  const client = await introduce(work);
  await client.call("state_set", { key: "k", value: 1 });
  await (await introduce(work)).listen();
  await expect.poll(async () => (await client.call("session_info")).data["connections"]).toBe(2);
});

it("a modern listener is counted in the sessions that its address and its resources name", async () => {
  const { url } = await serveHere();
  const open = async (name: string): Promise<string> =>
    (await callModern(url, "session_open", { name })).data["session"];
  const [one, two] = [await open("one"), await open("two")];
  const connections = async (session: string): Promise<unknown> =>
    (await callModern(url, "session_info", { session })).data["connections"];
  const stream = await listen(`${url}?name=one`, { resourceSubscriptions: [uriOf("k", two)] });
  await expect.poll(() => connections(one)).toBe(2);
  await expect.poll(() => connections(two)).toBe(2);
  stream.leave();
  await expect.poll(() => connections(one)).toBe(1);
  expect(await connections(two)).toBe(1);
});

it("the programs of a process that was killed are gone when it is found dead", async () => {
  const folder = temporaryFolder();
  const killed = await startServer({ folder });
  const { url } = await serveHere({ folder });
  const client = await introduce(`${url}?name=work`);
  await client.call("state_set", { key: "k", value: 1 });
  const connections = async (): Promise<unknown> =>
    (await client.call("session_info")).data["connections"];
  const other = await introduce(`${killed.url}?name=work`);
  await other.call("state_set", { key: "k", value: 2 });
  await other.listen();
  await expect.poll(connections).toBe(2);
  await killed.kill();
  // Before the half minute has passed, after which somebody who only posted is gone anyway.
  await expect.poll(connections, { timeout: 20_000 }).toBe(1);
});

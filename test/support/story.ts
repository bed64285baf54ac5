// The story that every way of running Holdfast must survive: work, SIGKILL, and the same client goes on.
import { expect } from "vitest";
import { type ClientVersion, connect } from "./clients.ts";
import { startServer } from "./process.ts";

/** `program`: how the server is started; by default Node and the source. */
export async function surviveKill(
  version: ClientVersion,
  folder: string,
  program?: readonly string[],
): Promise<void> {
  const options = { folder, ...(program && { program }) };
  const first = await startServer(options);
  const client = await connect(version, first);
  const id = client.id;
  await client.setLevel("error");
  const stored = await client.call("state_set", { key: "fact", value: { color: "blue" } });
  const { session } = stored.data;
  await client.call("chat", { prompt: "My cat is called Ada." });

  await first.kill();
  const second = await startServer({ ...options, port: first.port });
  expect(second.pid).not.toBe(first.pid);

  // The same client object: no new handshake, no new id.
  expect((await client.call("state_get", { key: "fact" })).data).toMatchObject({
    session,
    found: true,
    value: { color: "blue" },
    version: 1,
  });
  const answer = await client.call("chat", { prompt: "What is my cat called?" });
  expect(answer.text).toContain("My cat is called Ada.");
  expect((await client.call("history_get")).data.messages).toMatchObject([
    { seq: 1, role: "user" },
    { seq: 2, role: "assistant" },
    { seq: 3, role: "user" },
    { seq: 4, role: "assistant" },
  ]);
  expect((await client.call("session_info")).data).toMatchObject({
    session,
    client: { name: "test-client", version: "1.2.3" },
    capabilities: { elicitation: { form: {} }, roots: { listChanged: true } },
  });
  expect(client.id).toBe(id);
}

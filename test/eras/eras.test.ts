// One record for both eras: what a client of one began, a client of the other goes on with, over every transport and
// over the death of the server in between.
import { expect, it } from "vitest";
import {
  type ClientVersion,
  connect,
  type TestClient,
  type ToolAnswer,
  VERSIONS,
} from "../support/clients.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { startServer } from "../support/process.ts";
import { rows } from "../support/rows.ts";

/** The handle, or nothing. */
type Address = { session?: string };

const stdio = (folder: string, ...flags: string[]) => ({ stdio: ["--data-dir", folder, ...flags] });

const connectAll = (open: (version: ClientVersion) => Promise<TestClient>): Promise<TestClient[]> =>
  Promise.all(VERSIONS.map(open));

const note = (client: TestClient, content: string, address: Address = {}): Promise<ToolAnswer> =>
  client.call("history_append", { role: "user", content, ...address });

const notes = async (client: TestClient, address: Address = {}): Promise<string[]> =>
  ((await client.call("history_get", address)).data.messages as { content: string }[]).map(
    ({ content }) => content,
  );

it.each(["http", "stdio"])(
  "what any client began over %s, every client goes on with after SIGKILL, and others read it whole",
  async (transport) => {
    const folder = temporaryFolder();
    const first = transport === "http" ? await startServer({ folder }) : undefined;
    const openers = await connectAll((version) => connect(version, first ?? stdio(folder)));
    const sessions: string[] = [];
    for (const [i, opener] of openers.entries()) {
      // A client that carries its id has a session of its own. The others would meet at home: each opens one.
      const session = (await opener.call(opener.id === undefined ? "session_open" : "session_info"))
        .data.session as string;
      const address = opener.id === undefined ? { session } : {};
      const { data } = await note(opener, "My cat is called Ada.", address);
      expect(data).toMatchObject({ session, seq: 1 });
      await opener.call("state_set", { session, key: "begun", value: { by: VERSIONS[i] } });
      await opener.call("chat", { session, prompt: "What is my cat called?" });
      sessions.push(session);
    }

    for (const { pid } of openers) if (pid !== undefined) process.kill(pid, "SIGKILL");
    await first?.kill();
    const second = await startServer({ folder, ...(first && { port: first.port }) });
    const byHandle = await connectAll((version) => connect(version, second));

    for (const [i, session] of sessions.entries()) {
      const said: unknown[] = ["My cat is called Ada.", "What is my cat called?"];
      said.push(expect.stringContaining("My cat is called Ada."));
      const say = async (client: TestClient, content: string, address?: Address): Promise<void> => {
        const { data } = await note(client, content, address);
        expect(data).toMatchObject({ session, seq: said.push(content) });
      };
      for (const [n, client] of byHandle.entries()) {
        await say(client, `${VERSIONS[n]} by the handle`, { session });
        await client.call("state_set", { session, key: `told ${n}`, value: n });
      }
      // By the flag, by a client of the other era; by the URL, by every client.
      const url = `${second.url}?session=${session}`;
      const byAddress = first
        ? [connect(VERSIONS[(i + 2) % 4]!, stdio(folder, "--session", session))]
        : VERSIONS.map((version) => connect(version, { url }));
      for (const client of await Promise.all(byAddress)) {
        await say(client, "by the address");
        const { data } = await client.call("state_get", { key: "begun" });
        expect(data).toMatchObject({ session, value: { by: VERSIONS[i] } });
      }
      // The opener itself, with no new handshake.
      if (first) await say(openers[i]!, "by the opener", { session });

      for (const reader of byHandle) {
        expect(await notes(reader, { session })).toEqual(said);
        const { entries } = (await reader.call("state_list", { session })).data;
        expect((entries as { key: string; value: unknown }[]).map(({ value }) => value)).toEqual([
          ...[{ by: VERSIONS[i] }, 0, 1, 2, 3],
        ]);
        const { data } = await reader.call("session_list", { limit: 1 });
        const counts = { messages: said.length, state_keys: 5 };
        expect(data.sessions).toMatchObject([{ id: session, counts }]);
      }
    }
    expect(rows(folder, "SELECT id FROM sessions").map(({ id }) => id)).toHaveLength(4);
  },
);

it("a name in the address is one conversation for all clients, over HTTP, stdio and SIGKILL", async () => {
  const folder = temporaryFolder();
  const first = await startServer({ folder });
  const url = `${first.url}?name=work`;
  const overHttp = await connectAll((version) => connect(version, { url }));
  const said: string[] = [];
  const say = async (client: TestClient, content: string): Promise<void> => {
    await note(client, content);
    said.push(content);
  };
  for (const [i, client] of overHttp.entries()) await say(client, `before ${VERSIONS[i]}`);
  await first.kill();
  await startServer({ folder, port: first.port });
  for (const [i, client] of overHttp.entries()) await say(client, `after ${VERSIONS[i]}`);
  const overStdio = await connectAll((version) =>
    connect(version, stdio(folder, "--name", "work")),
  );
  for (const [i, client] of overStdio.entries()) await say(client, `stdio ${VERSIONS[i]}`);
  for (const client of [...overHttp, ...overStdio]) expect(await notes(client)).toEqual(said);
  expect(rows(folder, "SELECT name FROM sessions")).toEqual([{ name: "work" }]);
});

it("tools/list is the same for every client, transport and address, also after a restart", async () => {
  const folder = temporaryFolder();
  const lists = new Set<string>();
  const list = async (client: TestClient): Promise<unknown> =>
    lists.add(JSON.stringify(await client.tools()));
  await list(await connect("v1", stdio(folder)));
  await list(await connect("pinned", stdio(folder)));
  for (let run = 0; run < 2; run++) {
    const { url, stop } = await serveHere({ folder });
    for (const at of [url, `${url}?name=work`, `${url}?tools=core`]) {
      for (const client of await connectAll((version) => connect(version, { url: at }))) {
        await list(client);
        await client.call("session_open");
        await list(client);
        await client.close();
      }
    }
    await stop();
  }
  expect([...lists]).toHaveLength(1);
  expect(JSON.parse([...lists][0]!)).toHaveLength(8);
});

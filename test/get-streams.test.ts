// Standalone streams and subscriptions with real clients that are not made anew.
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
} from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as HttpV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ResourceUpdatedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { connect } from "./support/clients.ts";
import { temporaryFolder } from "./support/folder.ts";
import { startServer } from "./support/process.ts";

interface Listener {
  id: string;
  /** The uris of the updates that came, in order. */
  updates: string[];
  subscribe(uri: string): Promise<unknown>;
}

/** A client that listens on its GET stream and records updates. */
const listeners: Record<string, (url: string) => Promise<Listener>> = {
  async v1(url) {
    const client = new ClientV1({ name: "listener", version: "1" });
    const updates: string[] = [];
    client.setNotificationHandler(
      ResourceUpdatedNotificationSchema,
      ({ params }) => void updates.push(params.uri),
    );
    const transport = new HttpV1(new URL(url));
    await client.connect(transport as never);
    onTestFinished(() => client.close());
    return {
      id: transport.sessionId!,
      updates,
      subscribe: (uri) => client.subscribeResource({ uri }),
    };
  },
  async v2(url) {
    const client = new ClientV2({ name: "listener", version: "1" });
    const updates: string[] = [];
    client.setNotificationHandler(
      "notifications/resources/updated",
      ({ params }) => void updates.push(params.uri),
    );
    const transport = new HttpV2(new URL(url));
    await client.connect(transport);
    onTestFinished(() => client.close());
    return {
      id: transport.sessionId!,
      updates,
      subscribe: (uri) => client.subscribeResource({ uri }),
    };
  },
};

for (const [version, listen] of Object.entries(listeners)) {
  describe(`the ${version} client`, () => {
    it("hears of other clients' changes, also of those made while the server was down or the stream was cut", async () => {
      const folder = temporaryFolder();
      const first = await startServer({ folder });
      const listener = await listen(first.url);
      const writer = await connect("v2", first);
      const session = (await writer.call("session_open", { name: "shared" })).data
        .session as string;
      const state = (key: string): string => `holdfast://sessions/${session}/state/${key}`;
      const history = `holdfast://sessions/${session}/history`;
      for (const uri of [state("a"), state("b"), state("c"), history])
        await listener.subscribe(uri);

      await writer.call("state_set", { session, key: "a", value: 1 });
      await vi.waitFor(() => expect(listener.updates).toEqual([state("a")]));

      await first.kill();
      // A change while the server is down, by another process on the same folder.
      const beside = await connect("v2", { stdio: ["--data-dir", folder] });
      await beside.call("state_set", { session, key: "b", value: 2 });
      await beside.close();
      const second = await startServer({ folder, port: first.port });
      await vi.waitFor(() => expect(listener.updates).toEqual([state("a"), state("b")]), 15_000);

      // Live again; and a change by a process beside the running server arrives too.
      await writer.call("history_append", { session, role: "user", content: "hello" });
      const again = await connect("v2", { stdio: ["--data-dir", folder] });
      await vi.waitFor(() => expect(listener.updates.at(-1)).toBe(history));
      await again.call("state_set", { session, key: "c", value: 3 });
      await vi.waitFor(() =>
        expect(listener.updates).toEqual([state("a"), state("b"), history, state("c")]),
      );
      expect(await second.stop()).toBe(0);
    });
  });
}

it("a client is not told of its own changes, nor of a stranger's", async () => {
  const server = await startServer({ folder: temporaryFolder() });
  const listener = await listeners["v2"]!(server.url);
  const other = await connect("v1", server);
  const own = `holdfast://sessions/${listener.id}/state/x`;
  await listener.subscribe(own);
  await other.call("state_set", { key: "x", value: 1 }); // its own session, not the listener's
  await other.call("state_set", { session: listener.id, key: "x", value: 1 });
  await vi.waitFor(() => expect(listener.updates).toEqual([own]));
});

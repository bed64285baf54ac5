// Every tool through every client version and every transport: the same meaning everywhere.
import { describe, expect, it } from "vitest";
import { type ClientVersion, connect, type TestClient } from "../support/clients.ts";
import { serveCommand } from "../support/command.ts";
import { temporaryFolder } from "../support/folder.ts";
import { balanced, startNodes } from "../support/nodes.ts";

const versions: ClientVersion[] = ["v1", "v2"];

const transports: Record<string, (version: ClientVersion) => Promise<TestClient>> = {
  http: async (version) => {
    const { url } = await serveCommand({ folder: temporaryFolder() });
    return connect(version, { url: `${url}?tools=all` });
  },
  "three nodes behind a balancer": async (version) =>
    connect(version, { url: `${await balanced(await startNodes())}?tools=all` }),
  stdio: (version) =>
    connect(version, { stdio: ["--data-dir", temporaryFolder(), "--toolset", "all"] }),
};

for (const version of versions) {
  for (const [transport, open] of Object.entries(transports)) {
    // test/nodes has more of them, with every version.
    if (transport.includes("nodes") && version !== "v1") continue;
    describe(`the ${version} client over ${transport}`, () => {
      it("lists all tools with titles, annotations and schemas", async () => {
        const client = await open(version);
        const tools = await client.tools();
        expect(tools.map(({ name }) => name)).toEqual([
          "session_open",
          "session_info",
          "session_list",
          "session_update",
          "session_clear",
          "session_delete",
          "session_share",
          "session_unshare",
          "session_accept",
          "session_leave",
          "state_get",
          "state_set",
          "state_delete",
          "state_list",
          "history_append",
          "history_get",
          "history_delete",
          "history_search",
          "chat",
          "chat_retry",
          "session_fork",
          "search",
          "fetch",
          "task_list",
          "task_get",
          "task_answer",
          "task_cancel",
        ]);
        for (const tool of tools.slice(0, -6)) {
          expect(tool).toMatchObject({
            title: expect.any(String),
            description: expect.any(String),
            annotations: { readOnlyHint: expect.any(Boolean), openWorldHint: expect.any(Boolean) },
            inputSchema: { type: "object", properties: { session: { type: "string" } } },
            outputSchema: { type: "object" },
          });
        }
      });

      it("keeps state: versions, compare-and-set, prefixes", async () => {
        const client = await open(version);
        expect((await client.call("state_get", { key: "a" })).data).toMatchObject({
          found: false,
          key: "a",
        });
        const set = await client.call("state_set", { key: "a", value: { deep: [1, null, "ü"] } });
        expect(set.data).toMatchObject({ key: "a", version: 1, session: expect.any(String) });
        expect((await client.call("state_get", { key: "a" })).data).toMatchObject({
          session: set.data.session,
          found: true,
          value: { deep: [1, null, "ü"] },
          version: 1,
          updated_at: expect.stringMatching(/^\d{4}-.*Z$/),
        });
        const lost = await client.call("state_set", { key: "a", value: 2, if_version: 7 });
        expect(lost).toMatchObject({ isError: true, meta: { "holdfast/error": "conflict" } });
        expect(lost.text).toContain("version 1");
        expect(
          (await client.call("state_set", { key: "a", value: 2, if_version: 1 })).data.version,
        ).toBe(2);
        await client.call("state_set", { key: "b/1", value: true });
        await client.call("state_set", { key: "b/2", value: false });
        const page = await client.call("state_list", { prefix: "b/", limit: 1 });
        expect(page.data.entries).toMatchObject([{ key: "b/1", value: true }]);
        const rest = await client.call("state_list", {
          prefix: "b/",
          cursor: page.data.next_cursor,
        });
        expect(rest.data.entries).toMatchObject([{ key: "b/2", value: false }]);
        expect(rest.data.next_cursor).toBeUndefined();
        expect((await client.call("state_delete", { key: "a" })).data.deleted).toBe(true);
        expect((await client.call("state_delete", { key: "a" })).data.deleted).toBe(false);
      });

      it("keeps a history and answers chat from it", async () => {
        const client = await open(version);
        await client.call("history_append", { role: "user", content: "My cat is called Ada." });
        const answer = await client.call("chat", { prompt: "What is my cat called?" });
        expect(answer.text).toContain("#1 user: “My cat is called Ada.”");
        expect(answer.data).toMatchObject({ model: "recall", question_seq: 2, answer_seq: 3 });
        const history = await client.call("history_get");
        expect(history.data.messages).toMatchObject([
          { seq: 1, role: "user", content: "My cat is called Ada.", status: "complete" },
          { seq: 2, role: "user", content: "What is my cat called?", status: "complete" },
          { seq: 3, role: "assistant", model: "recall", status: "complete" },
        ]);
        const newest = await client.call("history_get", { limit: 1 });
        expect(newest.data).toMatchObject({ messages: [{ seq: 3 }], next_before: 3 });
      });

      it("tells what it knows about the session and the client", async () => {
        const client = await open(version);
        const fresh = await client.call("session_info");
        expect(fresh.data).toMatchObject({
          created_at: null,
          connections: 1,
          counts: { messages: 0, state_keys: 0 },
          client: { name: "test-client", version: "1.2.3", protocol_version: "2025-11-25" },
          capabilities: { elicitation: { form: {} }, roots: { listChanged: true } },
        });
        // A client that carries its id has its own session before it is there; over stdio the first write makes home.
        expect(fresh.data.session).toEqual(client.id === undefined ? null : expect.any(String));
        const changes = { title: "Cats", system: "Be brief.", pinned: true };
        const session = (await client.call("session_update", changes)).data.session as string;
        expect(session).toEqual(fresh.data.session ?? expect.any(String));
        await client.call("state_set", { key: "k", value: 1 });
        expect((await client.call("session_info")).data).toMatchObject({
          session,
          name: client.id === undefined ? "home" : null,
          title: "Cats",
          system: "Be brief.",
          pinned: true,
          expires_at: null,
          connections: 1,
          counts: { messages: 0, state_keys: 1 },
        });
      });

      it("opens, lists, switches, clears and deletes sessions", async () => {
        const client = await open(version);
        expect((await client.call("session_list")).text).toContain("No sessions yet");
        const opened = await client.call("session_open", { name: "work", title: "Work" });
        const session = opened.data.session as string;
        expect(opened.data).toMatchObject({
          created: true,
          name: "work",
          expires_at: null,
        });
        expect((await client.call("session_open", { name: "work" })).data).toMatchObject({
          created: false,
          session,
        });
        await client.call("state_set", { session, key: "k", value: 1 });
        await client.call("history_append", { session, role: "user", content: "hello" });
        expect((await client.call("state_get", { key: "k" })).data.found).toBe(false);
        const list = await client.call("session_list", { query: "WOR" });
        expect(list.data.sessions).toMatchObject([
          { id: session, title: "Work", counts: { messages: 1, state_keys: 1 } },
        ]);
        await client.call("session_clear", { session, what: "history" });
        expect((await client.call("session_info", { session })).data.counts).toEqual({
          messages: 0,
          state_keys: 1,
        });
        await client.call("session_delete", { session });
        const gone = await client.call("session_info", { session });
        expect(gone).toMatchObject({ isError: true, meta: { "holdfast/error": "not_found" } });
        expect(gone.text).toContain("session_list");
      });

      it("names the field and what was expected when arguments are wrong", async () => {
        const client = await open(version);
        const wrong = await client.call("state_set", { key: 7, valu: 1 });
        expect(wrong.isError).toBe(true);
        expect(wrong.text).toMatch(/key: .*expected string/);
        expect(wrong.text).toMatch(/valu/);
        await expect(client.call("no_such_tool")).rejects.toThrow(/Unknown tool: no_such_tool/);
      });
    });
  }
}

// Handles of sessions in both eras: refused ones, calls without any, and what is told of the session and the caller.
import { describe, expect, it } from "vitest";
import {
  type ClientVersion,
  connect,
  isModern,
  type TestClient,
  type ToolAnswer,
  VERSIONS,
} from "../support/clients.ts";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { rows } from "../support/rows.ts";

const modern = VERSIONS.filter(isModern);

/** The handle, or nothing. */
type Address = { session?: string };

const stdio = (folder: string, ...flags: string[]) => ({ stdio: ["--data-dir", folder, ...flags] });

const connectAll = (open: (version: ClientVersion) => Promise<TestClient>): Promise<TestClient[]> =>
  Promise.all(VERSIONS.map(open));

const note = (client: TestClient, content: string, address: Address = {}): Promise<ToolAnswer> =>
  client.call("history_append", { role: "user", content, ...address });

describe("a handle that names nothing of the caller's", () => {
  /** One answer of all clients to each of these tools; the handle itself is left out. */
  async function refusal(clients: readonly TestClient[], handle: string): Promise<string> {
    const calls = [
      ["state_get", { key: "k" }],
      ["state_set", { key: "k", value: 1 }],
      ["history_append", { role: "user", content: "x" }],
      ["history_get", {}],
      ["history_search", { query: "x" }],
      ["history_search", { query: "x", scope: "all" }],
      ["chat", { prompt: "x" }],
      ["chat_retry", {}],
      ["session_fork", {}],
      ["session_info", {}],
      ["session_delete", {}],
      ["session_list", {}],
    ] as const;
    const texts = new Set<string>();
    for (const client of clients) {
      for (const [tool, args] of calls) {
        const answer = await client.call(tool, { ...args, session: handle });
        expect(answer).toMatchObject({ isError: true, meta: { "holdfast/error": "not_found" } });
        texts.add(answer.text.replace(JSON.stringify(handle.slice(0, 64)), "…"));
      }
    }
    expect([...texts]).toHaveLength(1);
    return [...texts][0]!;
  }

  it("is refused in the same words in both eras, whatever is wrong with it, and they tell the way out", async () => {
    const { url, folder } = await serveHere({ config: { "max-age": "30d" } });
    const clients = await connectAll((version) => connect(version, { url }));
    const open = async (client: TestClient): Promise<string> => {
      const session = (await client.call("session_open")).data.session as string;
      await note(client, "x", { session });
      return session;
    };
    const [expired, foreign] = [await open(clients[0]!), await open(clients[2]!)];
    const database = openDatabase(folder, { readonly: false });
    database.prepare("UPDATE sessions SET last_active_at = 1 WHERE id = ?").run(expired);
    database.prepare("UPDATE sessions SET owner = 'eve' WHERE id = ?").run(foreign);

    const unknown = await refusal(clients, "00000000-0000-4000-8000-000000000000");
    expect(unknown).toMatch(/session_list.*session_open/);
    for (const handle of [expired, foreign, "work", "'; --", "x".repeat(10_000)])
      expect(await refusal(clients, handle)).toBe(unknown);
    // The refused calls have stored nothing.
    expect(rows(folder, "SELECT count(*) AS n FROM sessions")).toEqual([{ n: 2 }]);
    expect(rows(folder, "SELECT DISTINCT content FROM messages")).toEqual([{ content: "x" }]);
  });

  it("is refused in the address too", async () => {
    const { url } = await serveHere();
    const clients = await connectAll((version) =>
      connect(version, { url: `${url}?session=00000000-0000-4000-8000-000000000000` }),
    );
    for (const client of clients) {
      const answer = await note(client, "x");
      expect(answer).toMatchObject({ isError: true, meta: { "holdfast/error": "not_found" } });
      expect(answer.text).toMatch(/session_list.*session_open/);
    }
  });
});

describe("a 2026 call without any session, where there is no home", () => {
  for (const version of modern) {
    for (const transport of ["http", "stdio"]) {
      it(`(${version} over ${transport}) is refused with the way out, or opens a session and tells its id`, async () => {
        const folder = temporaryFolder();
        const config = { "default-session": "own" };
        const target =
          transport === "http"
            ? await serveHere({ folder, config })
            : stdio(folder, "--default-session", "own");
        const client = await connect(version, target);
        const refused = {
          ...{ state_get: { key: "k" }, state_set: { key: "k", value: 1 }, state_list: {} },
          ...{ state_delete: { key: "k" }, history_get: {}, session_info: {} },
          ...{ history_search: { query: "x" }, chat_retry: {}, session_fork: {} },
          ...{ session_update: { title: "T" }, session_clear: {}, session_delete: {} },
        };
        for (const [tool, args] of Object.entries(refused)) {
          const answer = await client.call(tool, args);
          expect(answer).toMatchObject({ isError: true, meta: { "holdfast/error": "invalid" } });
          expect(answer.text).toMatch(/`session`.*session_list.*session_open/);
        }
        expect(rows(folder, "SELECT * FROM sessions")).toEqual([]);

        const noted = await note(client, "My cat is called Ada.");
        const { session } = noted.data;
        expect(noted.meta).toMatchObject({ "holdfast/session": session });
        const asked = await client.call("chat", { prompt: "What is my cat called?" });
        expect(asked.data.session).not.toBe(session);
        expect(asked.meta).toMatchObject({ "holdfast/session": asked.data.session });
        expect(asked.text).not.toContain("Ada");
        const again = await client.call("chat", { session, prompt: "What is my cat called?" });
        expect(again.data).toMatchObject({ session, question_seq: 2 });
        expect(again.text).toContain("My cat is called Ada.");
        const info = await client.call("session_info", { session });
        expect(info.data).toMatchObject({ session, ...program(version) });
      });
    }
  }
});

it("session_info tells the calling program, in both eras", async () => {
  const { url } = await serveHere();
  const { session } = (await note(await connect("v2", { url }), "x")).data;
  const clients = await connectAll((version) => connect(version, { url }));
  for (const [i, client] of clients.entries())
    expect((await client.call("session_info", { session })).data).toMatchObject({
      session,
      ...program(VERSIONS[i]!),
    });
});

const program = (version: ClientVersion): object => ({
  client: {
    ...{ name: "test-client", version: "1.2.3" },
    protocol_version: isModern(version) ? "2026-07-28" : "2025-11-25",
  },
  capabilities: { elicitation: { form: {} }, roots: { listChanged: true } },
});

it.each([
  ["30d", "has not been used for 30 days"],
  ["12h", "has not been used for 12 hours"],
  ["never", "kept until they are deleted"],
])("with --max-age %s session_open says so in words, in both eras", async (maxAge, words) => {
  const { url } = await serveHere({ config: { "max-age": maxAge } });
  for (const client of await connectAll((version) => connect(version, { url }))) {
    const tools = await client.tools();
    const { description } = tools.find(({ name }) => name === "session_open")!;
    expect(description).toContain(words);
  }
});

describe("session_open of a session that is there", () => {
  for (const version of VERSIONS) {
    it(`tells what is in it (${version})`, async () => {
      const { url } = await serveHere();
      const client = await connect(version, { url });
      const opened = (await client.call("session_open", { name: "work" })).data;
      expect(opened).toMatchObject({ created: true, counts: { messages: 0, state_keys: 0 } });
      const { session } = opened;
      await note(client, "One", { session });
      await note(client, "Two", { session });
      await client.call("state_set", { session, key: "k", value: 1 });
      expect((await client.call("session_open", { name: "work" })).data).toMatchObject({
        ...{ session, created: false, counts: { messages: 2, state_keys: 1 } },
      });
    });
  }
});

// `holdfast stdio`: one program at the other end of a pipe, the same conversations as over HTTP.
import { setTimeout } from "node:timers/promises";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { describe, expect, it, onTestFinished } from "vitest";
import { type ClientVersion, connect, type TestClient } from "../support/clients.ts";
import { temporaryFolder } from "../support/folder.ts";
import { INTERRUPTED } from "../support/interrupted.ts";
import { isSilent, startModel, streams } from "../support/model-server.ts";
import { cleanEnv, PROGRAM, run, startServer } from "../support/process.ts";
import { rawStdio, type Wire } from "../support/raw-stdio.ts";
import { rows, transcript } from "../support/rows.ts";

const open = (version: ClientVersion, folder: string, ...args: string[]): Promise<TestClient> =>
  connect(version, { stdio: ["--data-dir", folder, ...args] });

const note = (client: TestClient, content: string) =>
  client.call("history_append", { role: "user", content });

const notes = async (client: TestClient): Promise<string[]> =>
  ((await client.call("history_get")).data.messages as { content: string }[]).map(
    ({ content }) => content,
  );

describe("standard output", () => {
  it("has nothing but JSON-RPC, one message a line, also while everything is logged", async () => {
    const folder = temporaryFolder();
    const raw = await rawStdio(["--data-dir", folder, "--log-level", "debug"]);
    await raw.request("tools/list");
    await raw.request("logging/setLevel", { level: "debug" });
    await raw.call("chat", { prompt: "Two\nlines \u2028 and more" });
    await raw.call("state_get", { key: 7 }); // wrong arguments
    await raw.request("tools/call", { name: "no_such_tool", arguments: {} });
    await raw.request("no/such/method");
    raw.write("this is not JSON\n\n[]\n");
    raw.notify("notifications/cancelled", { requestId: 4711 });
    expect((await raw.request("ping")).result).toEqual({});
    raw.end();
    expect(await raw.exited).toEqual({ code: 0, signal: null });
    const messages = raw.lines.map((line) => JSON.parse(line) as Wire);
    expect(messages.length).toBeGreaterThanOrEqual(8);
    for (const message of messages) expect(message.jsonrpc).toBe("2.0");
    // Every request has exactly one answer.
    const answered = messages.flatMap(({ id }) => (typeof id === "number" ? [id] : []));
    expect(answered.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("waits for a reader that is slow, and brings it the whole answer", async () => {
    const model = await startModel();
    const raw = await rawStdio(["--data-dir", temporaryFolder(), ...model.args]);
    const written = Promise.withResolvers<void>();
    async function* words(): AsyncGenerator<string> {
      yield "a long beginning ".repeat(10_000); // more than a pipe holds
      for (let n = 0; n < 20; n++) {
        await setTimeout(60); // ms; more than lies between two progress notifications
        yield `word ${n} `;
      }
      written.resolve();
    }
    model.next(streams(words));
    raw.pause();
    const call = { name: "chat", arguments: { prompt: "Tell me" }, _meta: { progressToken: 1 } };
    const answer = raw.request("tools/call", call);
    await written.promise;
    raw.resume();
    expect((await answer).result?.structuredContent?.["text"]).toMatch(/^a long .* word 19 $/);
    expect(raw.errors()).toBe("");
    // What it missed is not brought after: each notification has all the text, so one is enough.
    expect(raw.lines.filter((line) => line.includes("progressToken")).length).toBeLessThan(10);
  });

  it("has nothing at all when the program cannot start", async () => {
    const { code, stdout, stderr } = await run(["stdio", "--max-age", "soon"]);
    expect(code).not.toBe(0);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^holdfast: max-age: expected .*, got "soon" .*\n$/);
  });
});

for (const version of ["v1", "v2"] as const) {
  describe(`the ${version} client`, () => {
    it("continues the same conversation by --name in every new process", async () => {
      const folder = temporaryFolder();
      const first = await open(version, folder, "--name", "work");
      await note(first, "one");
      await first.call("state_set", { key: "k", value: 1 });
      const { session } = (await first.call("session_info")).data;
      await first.close();
      const second = await open(version, folder, "--name", "work");
      expect(await notes(second)).toEqual(["one"]);
      expect((await second.call("state_get", { key: "k" })).data).toMatchObject({
        session,
        value: 1,
      });
      const other = await open(version, folder, "--name", "home");
      expect(await notes(other)).toEqual([]);
    });

    it("shares a named conversation with an HTTP client at ?name=, both ways and at once", async () => {
      const folder = temporaryFolder();
      const server = await startServer({ folder });
      const overHttp = await connect(version, { url: `${server.url}?name=work` });
      const overStdio = await open(version, folder, "--name", "work");
      await note(overHttp, "from http");
      await note(overStdio, "from stdio");
      expect(await notes(overHttp)).toEqual(["from http", "from stdio"]);
      expect(await notes(overStdio)).toEqual(["from http", "from stdio"]);
    });

    it("continues a conversation by --session, and the latest by --resume", async () => {
      const folder = temporaryFolder();
      const first = await open(version, folder, "--name", "one");
      await note(first, "older");
      const { session } = (await first.call("session_info")).data;
      await first.close();
      const second = await open(version, folder, "--name", "two");
      await note(second, "newer");
      await second.close();
      expect(await notes(await open(version, folder, "--resume"))).toEqual(["newer"]);
      const byId = await open(version, folder, "--session", session as string);
      expect(await notes(byId)).toEqual(["older"]);
      await note(byId, "again");
      await byId.close();
      expect(await notes(await open(version, folder, "--resume"))).toEqual(["older", "again"]);
    });

    it("works at home when it asks for none, unless each is to have its own", async () => {
      const folder = temporaryFolder();
      const [one, two] = [await open(version, folder), await open(version, folder)];
      await note(one, "ours");
      expect(await notes(two)).toEqual(["ours"]);
      const alone = await open(version, folder, "--default-session", "own");
      expect(await notes(alone)).toEqual([]);
    });
  });
}

describe("a start that cannot work", () => {
  const starts: Record<string, [string[], RegExp]> = {
    "an unknown id": [
      ["--session", "00000000-0000-4000-8000-000000000000"],
      /^holdfast: There is no session "00000000-0000-4000-8000-000000000000", .*--resume.*\n$/,
    ],
    "text that is no id": [["--session", "'; --"], /^holdfast: There is no session .*\n$/],
    "an empty name": [["--name", " "], /^holdfast: .*name.*\n$/],
    "a name that is too long": [["--name", "x".repeat(201)], /^holdfast: .*name.*\n$/],
  };
  for (const [kind, [args, message]] of Object.entries(starts)) {
    it(`ends with one line and an exit code: ${kind}`, async () => {
      const folder = temporaryFolder();
      const raw = await rawStdio(["--data-dir", folder, ...args], { introduce: false });
      raw.end();
      expect((await raw.exited).code).toBe(1);
      expect(raw.lines).toEqual([]);
      expect(raw.errors()).toMatch(message);
      expect(raw.errors().split("\n")).toHaveLength(2);
      expect(rows(folder, "SELECT * FROM sessions")).toEqual([]);
    });
  }

  it("refuses two wishes at once", async () => {
    const both = ["stdio", "--data-dir", temporaryFolder(), "--name", "a", "--resume"];
    const { code, stderr } = await run(both);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/--resume.*--name|--name.*--resume/);
  });

  it("is not --resume on an empty folder: that begins a new conversation", async () => {
    const client = await open("v2", temporaryFolder(), "--resume");
    await note(client, "first");
    expect(await notes(client)).toEqual(["first"]);
  });
});

describe("the end", () => {
  /** Clients that have not ended; the cleanup of a start that takes long may delete an ended one at once. */
  const clients = (folder: string) =>
    rows(folder, "SELECT name FROM clients WHERE ended_at IS NULL");

  for (const how of ["closing standard input", "SIGTERM", "SIGINT"]) {
    it(`by ${how} is orderly: exit code 0, the client ended, the conversation kept`, async () => {
      const folder = temporaryFolder();
      const raw = await rawStdio(["--data-dir", folder]);
      await raw.call("history_append", { role: "user", content: "kept" });
      expect(clients(folder)).toEqual([{ name: "raw-client" }]);
      if (how === "closing standard input") raw.end();
      else raw.signal(how as NodeJS.Signals);
      expect(await raw.exited).toEqual({ code: 0, signal: null });
      expect(clients(folder)).toEqual([]);
      expect(rows(folder, "SELECT * FROM instances")).toEqual([]);
      expect(transcript(folder)).toEqual(["1 user complete kept"]);
      expect(raw.errors()).toBe("");
    });
  }

  it("comes after the answers to what came before it, also when all of it comes at once", async () => {
    const folder = temporaryFolder();
    const raw = await rawStdio(["--data-dir", folder], { introduce: false });
    const params = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "script", version: "1" },
    };
    const answers = [raw.request("initialize", params)];
    raw.notify("notifications/initialized");
    for (const content of ["one", "two"])
      answers.push(raw.call("history_append", { role: "user", content }));
    raw.end();
    for (const { result } of await Promise.all(answers)) expect(result).toBeDefined();
    expect(await raw.exited).toEqual({ code: 0, signal: null });
    const stored = rows(folder, "SELECT content FROM messages ORDER BY content"); // they run side by side
    expect(stored).toEqual([{ content: "one" }, { content: "two" }]);
    expect(raw.errors()).toBe("");
  });

  it("before any introduction leaves nothing behind", async () => {
    const folder = temporaryFolder();
    const raw = await rawStdio(["--data-dir", folder], { introduce: false });
    raw.end();
    expect(await raw.exited).toEqual({ code: 0, signal: null });
    expect(raw.lines).toEqual([]);
    expect(clients(folder)).toEqual([]);
  });

  it("while the model is answering marks the question and lets the model go", async () => {
    const model = await startModel();
    const folder = temporaryFolder();
    const raw = await rawStdio(["--data-dir", folder, "--shutdown-grace", "1s", ...model.args]);
    model.next(isSilent);
    const asked = raw.call("chat", { prompt: "One" });
    const call = await model.called(1);
    raw.end();
    expect((await asked).result).toMatchObject(INTERRUPTED);
    await call.aborted;
    expect(await raw.exited).toEqual({ code: 0, signal: null });
    expect(transcript(folder)).toEqual(["1 user interrupted One"]);
    expect(clients(folder)).toEqual([]);
    expect(raw.errors()).toBe("");
  });
});

it("a client of the 2026 era works in the conversation that --name names", async () => {
  const folder = temporaryFolder();
  const client = new Client(
    { name: "modern", version: "1" },
    { versionNegotiation: { mode: { pin: "2026-07-28" } } },
  );
  const [command, ...source] = PROGRAM;
  await client.connect(
    new StdioClientTransport({
      command: command!,
      args: [...source, "stdio", "--data-dir", folder, "--name", "work"],
      env: cleanEnv(),
    }),
  );
  onTestFinished(() => client.close());
  const content = "from the new era";
  await client.callTool({ name: "history_append", arguments: { role: "user", content } });
  expect(await notes(await open("v1", folder, "--name", "work"))).toEqual([content]);
});

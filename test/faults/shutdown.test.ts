// An orderly stop: running calls get their time, nothing that was acknowledged is lost, and what could not be finished
// is marked so and can be asked again.
import { existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { defineTool } from "../../src/index.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gate, serveHere } from "../support/here.ts";
import { INTERRUPTED } from "../support/interrupted.ts";
import { isSilent, says, startModel } from "../support/model-server.ts";
import { callModern } from "../support/modern.ts";
import { listenLocally } from "../support/ports.ts";
import { run, type ServerProcess, startServer } from "../support/process.ts";
import { rawStdio } from "../support/raw-stdio.ts";
import { calling, introduce, post, type RawClient, read, rpc } from "../support/raw.ts";
import { rows, transcript } from "../support/rows.ts";

/** Sends SIGTERM; resolves as soon as the server takes no new connections. */
async function askToStop(server: ServerProcess): Promise<{ exit: Promise<number | null> }> {
  const exit = server.stop();
  while (await accepts(server.port));
  return { exit };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

const chat = (client: RawClient, prompt: string): Promise<Response> =>
  client.post(rpc("tools/call", { name: "chat", arguments: { prompt } }, prompt));

const walSize = (folder: string): number => {
  const file = join(folder, "holdfast.db-wal");
  return existsSync(file) ? statSync(file).size : 0;
};

describe("a stop", () => {
  it("waits for quick calls of every kind, which get their own answers", async () => {
    const [began, answering] = [gate(), gate()];
    let runs = 0;
    const tool = defineTool({
      name: "measure",
      description: "Waits for the test.",
      response: "json",
      session: "none",
      async handler() {
        runs += 1;
        if (runs === 3) began.open();
        await answering.wait;
        return "measured";
      },
    });
    const { url, stop } = await serveHere({ tools: [tool] });
    const client = await introduce(url);
    const request = rpc("tools/call", { name: "measure", arguments: {} }, 1);
    const answers = [
      client.post(request).then(read).then(calling),
      post(url, request).then(read).then(calling), // without a session
      callModern(url, "measure"),
    ];
    await began.wait;
    const stopped = stop();
    answering.open();
    for (const { says } of await Promise.all(answers)) expect(says).toBe("measured");
    await stopped;
  });

  it("lets a call over stdio have its answer", async () => {
    const [model, answering] = [await startModel(), gate()];
    const args = ["--data-dir", temporaryFolder(), "--log-level", "info", ...model.args];
    const raw = await rawStdio(args);
    model.next(says("Hello ", answering.wait, "world."));
    const asked = raw.call("chat", { prompt: "Hello?" });
    await model.called(1);
    raw.signal("SIGTERM");
    await expect.poll(() => raw.errors()).toContain('"stopping"');
    answering.open();
    expect((await asked).result?.content?.[0]?.text).toContain("Hello world.");
    expect(await raw.exited).toEqual({ code: 0, signal: null });
  });
});

describe("SIGTERM", () => {
  it("lets a running chat have its answer, which arrives and is stored, and exits with 0", async () => {
    const [model, answering, folder] = [await startModel(), gate(), temporaryFolder()];
    const server = await startServer({ folder, args: model.args });
    const client = await introduce(server.url);
    model.next(says("Hello ", answering.wait, "world."));
    const response = await chat(client, "Hello?");
    await model.called(1);

    const { exit } = await askToStop(server);
    answering.open();
    const answer = calling(await read(response));
    expect(answer.says).toBe("Hello world.");
    expect(answer.data).toMatchObject({
      session: expect.any(String),
      question_seq: 1,
      answer_seq: 2,
    });
    expect(await exit).toBe(0);
    expect(transcript(folder)).toEqual([
      "1 user complete Hello?",
      "2 assistant complete Hello world.",
    ]);
    expect(server.errors()).toBe("");
  });

  it("lets an answer arrive whole that is larger than any buffer on its way", async () => {
    const [model, answering, folder] = [await startModel(), gate(), temporaryFolder()];
    const server = await startServer({ folder, args: [...model.args, "--max-message", "20mb"] });
    const client = await introduce(server.url);
    const long = "All work and no play. ".repeat(500_000);
    model.next(says(answering.wait, long));
    const response = await chat(client, "Write a novel.");
    await model.called(1);
    const { exit } = await askToStop(server);
    answering.open();
    const answer = calling(await read(response));
    expect(answer.says.length).toBe(long.length);
    expect(await exit).toBe(0);
  });

  it("cuts a call that takes longer than the grace, and its question can be asked again", async () => {
    const [model, folder] = [await startModel(), temporaryFolder()];
    const args = [...model.args, "--shutdown-grace", "100ms"];
    const first = await startServer({ folder, args });
    const client = await introduce(first.url);
    model.next(isSilent);
    const response = await chat(client, "Still there?");
    const { aborted } = await model.called(1);

    expect(await first.stop()).toBe(0);
    await response.text();
    await aborted; // nobody goes on paying for an answer that nobody will read
    expect(transcript(folder)).toEqual(["1 user interrupted Still there?"]);
    expect(rows(folder, "SELECT * FROM turns")).toEqual([]);
    expect(rows(folder, "SELECT * FROM instances")).toEqual([]);

    const second = await startServer({ folder, args });
    client.url = second.url;
    const again = calling(await read(await chat(client, "Still there?")));
    expect(again.says).toBe("Answer to: Still there?");
    expect(transcript(folder)).toEqual([
      "1 user complete Still there?",
      "2 assistant complete Answer to: Still there?",
    ]);
  });

  it("tells the caller of a call that it cuts that it was interrupted: never silence", async () => {
    const [model, folder] = [await startModel(), temporaryFolder()];
    const args = [...model.args, "--shutdown-grace", "100ms"];
    const server = await startServer({ folder, args });
    const client = await introduce(server.url);
    model.next(isSilent);
    const response = await chat(client, "Still there?");
    await model.called(1);
    expect(await server.stop()).toBe(0);
    const { messages } = await read(response);
    expect(messages.at(-1)).toMatchObject({ id: "Still there?", result: INTERRUPTED });
  });

  it("closes open streams in good order", async () => {
    const server = await startServer({ folder: temporaryFolder() });
    const clients = await Promise.all(Array.from({ length: 3 }, () => introduce(server.url)));
    const streams = await Promise.all(clients.map((client) => client.listen()));
    const ended = streams.map((stream) => stream.text()); // rejects when a connection is torn
    expect(await server.stop()).toBe(0);
    await Promise.all(ended);
  });

  it("folds the write-ahead log into the file", async () => {
    const folder = temporaryFolder();
    const server = await startServer({ folder });
    const client = await introduce(server.url);
    const stream = await client.listen(); // a busy client is no obstacle
    await client.call("state_set", { key: "k", value: "x".repeat(100_000) });
    expect(walSize(folder)).toBeGreaterThan(100_000);
    expect(await server.stop()).toBe(0);
    await stream.body?.cancel();
    expect(walSize(folder)).toBe(0);
    expect(statSync(join(folder, "holdfast.db")).size).toBeGreaterThan(100_000);
  });

  it("in the middle of many writes loses none that was acknowledged, and acknowledges all it stored", async () => {
    const folder = temporaryFolder();
    const server = await startServer({ folder });
    const clients = await Promise.all(Array.from({ length: 8 }, () => introduce(server.url)));
    const acknowledged: string[] = [];
    const warm = gate();
    const write = async (client: RawClient, content: string): Promise<boolean> => {
      const answer = await client
        .call("history_append", { role: "user", content })
        .catch(() => undefined);
      if (answer?.data["seq"] === undefined) return false; // refused: the connection or the call
      acknowledged.push(content);
      if (acknowledged.length === 200) warm.open();
      return true;
    };
    const writing = clients.map(async (client) => {
      for (let i = 0; await write(client, `${client.id} ${i}`); i++);
    });
    await warm.wait;
    expect(await server.stop()).toBe(0);
    await Promise.all(writing);
    const stored = rows(folder, "SELECT content FROM messages").map(({ content }) => content);
    expect(stored.sort()).toEqual(acknowledged.sort());
  });

  it("twice ends the program at once", async () => {
    const [model, folder] = [await startModel(), temporaryFolder()];
    const server = await startServer({ folder, args: [...model.args, "--shutdown-grace", "1h"] });
    const client = await introduce(server.url);
    model.next(isSilent);
    const response = await chat(client, "Still there?");
    await model.called(1);
    const { exit } = await askToStop(server);
    expect(await server.stop()).toBe(130);
    expect(await exit).toBe(130);
    await response.text().catch(() => undefined);
  });
});

describe("a port in use", () => {
  it("is said in one line with the way out, and the server that has it goes on", async () => {
    const server = await startServer({ folder: temporaryFolder() });
    const client = await introduce(server.url);
    const second = temporaryFolder();
    const port = String(server.port);
    const { code, stdout, stderr } = await run(["serve", "--port", port, "--data-dir", second]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      `holdfast: 127.0.0.1:${port} is already in use: Holdfast runs there. ` +
        `Use that server, stop it, or choose another port with --port.\n`,
    );
    expect(walSize(second)).toBe(0);
    expect(rows(second, "SELECT * FROM instances")).toEqual([]);
    expect((await client.ask("ping")).status).toBe(200);
  });

  it("is said of another program as such", async () => {
    const other = createServer((_, answer) => answer.end("ok\n"));
    const port = await listenLocally(other);
    onTestFinished(() => void other.close());
    const args = ["serve", "--port", String(port), "--ephemeral"];
    expect(await run(args)).toEqual({
      ...{ code: 1, stdout: "" },
      stderr:
        `holdfast: 127.0.0.1:${port} is already in use. ` +
        `Stop the other program or choose another port with --port.\n`,
    });
  });

  it("does not disturb the server that has it when both use one data folder", async () => {
    const folder = temporaryFolder();
    const server = await startServer({ folder });
    const client = await introduce(server.url);
    await client.call("state_set", { key: "k", value: 1 });
    const port = String(server.port);
    expect((await run(["serve", "--port", port, "--data-dir", folder])).code).toBe(1);
    expect(rows(folder, "SELECT pid FROM instances")).toEqual([{ pid: server.pid }]);
    expect((await client.call("state_set", { key: "k", value: 2 })).data["version"]).toBe(2);
  });
});

describe("an address that cannot be used", () => {
  it.each([
    [
      ["--insecure-no-auth", "--host", "192.0.2.1"],
      /192\.0\.2\.1:\d+ is not an address of this machine.*--host/,
    ],
    [["--insecure-no-auth", "--host", "no-such-host.invalid"], /no-such-host\.invalid.*host/],
  ])("%j is said in one line", async (args, line) => {
    const folder = temporaryFolder();
    const { code, stdout, stderr } = await run(["serve", "--data-dir", folder, ...args]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(line);
    expect(stderr.trimEnd()).not.toContain("\n");
  });
});
